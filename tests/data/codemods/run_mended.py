"""Runs policies before and after a fix, side by side, for tests/codemods/test_<rule>.py.

Reads `{name: [kind of policy, source before, source after]}` as JSON from its standard input, writes
`{name: complaint}`, an empty one where the fix keeps what it must and mends what it should.
"""

import json
import sys
import traceback
from types import SimpleNamespace

import torch
from tensordict import TensorDict
from torch.utils._python_dispatch import TorchDispatchMode

WIDTH, HEIGHT, LAYERS = 11, 9, 30
ENV = SimpleNamespace(obs_width=WIDTH, obs_height=HEIGHT, feature_normalizations=dict.fromkeys(range(LAYERS)))


def build(source, name, *arguments):
    space = {}
    exec(source, space)
    torch.manual_seed(0)
    return space[name](*arguments)


# ------------------------------------------------------------------------------------ PF502


def inside():
    """Tokens that lie in the box, at places of their own; the last ones are padding."""
    generator = torch.Generator().manual_seed(0)
    cells = torch.randperm(WIDTH * HEIGHT, generator=generator)[:40]
    kinds = torch.randint(1, 24, (40,), generator=generator)
    values = torch.randint(1, 255, (40,), generator=generator)
    tokens = torch.stack([(cells // HEIGHT << 4) + cells % HEIGHT, kinds, values], -1)
    tokens[30:] = 255
    return tokens.to(torch.uint8).view(2, 20, 3)


def beside_the_grid():
    """Tokens of which some lie beside the box, and the same with padding in their place."""
    tokens = inside()
    tokens[0, 3, 0], tokens[0, 5, 0], tokens[1, 2, 0] = (WIDTH << 4) + 2, (2 << 4) + HEIGHT, (15 << 4) + 14
    padded = tokens.clone()
    padded[[0, 0, 1], [3, 5, 2]] = 255
    return tokens, padded


def above_the_layers():
    tokens = inside()
    tokens[1, 4, 1] = 24
    padded = tokens.clone()
    padded[1, 4] = 255
    return tokens, padded


def values_of(source, tokens):
    given = tokens.clone()
    td = build(source, "Forager", ENV)(TensorDict({"env_obs": given}, tokens.shape[:1]))
    assert torch.equal(given, tokens), "the observation is overwritten"
    return td["values"]


def is_right(source, tokens, expected):
    try:
        return torch.equal(values_of(source, tokens), expected)
    except (IndexError, RuntimeError):
        return False


def box(before, after, outside=beside_the_grid):
    tokens, padded = outside()
    expected = values_of(before, padded)
    if not torch.equal(values_of(after, inside()), values_of(before, inside())):
        yield "tokens inside the box are placed elsewhere"
    if not is_right(after, tokens, expected):
        yield "tokens outside the box are not ignored as padding is"
    if is_right(before, tokens, expected):
        yield "nothing was wrong"


def layered_box(before, after):
    return box(before, after, above_the_layers)


# ------------------------------------------------------------------------------------ PF701


class Fetches(TorchDispatchMode):
    """Counts how often a number is fetched from a tensor."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def step(source, lead):
    policy = build(source, "Forager", None)
    seen = torch.randint(0, 255, (*lead, 4, 3), dtype=torch.uint8)
    with Fetches() as fetches:
        td = policy(
            TensorDict({"env_obs": seen}, lead), action=torch.zeros(lead) if len(lead) == 2 else None
        )
    return td, fetches.count


def numbers(before, after):
    for lead in ((5,), (3, 4), (1, 1)):
        (old, fetched), (new, left) = step(before, lead), step(after, lead)
        if (fetched, left) != (2 if len(lead) == 2 else 0, 0):
            yield f"{lead}: {fetched} numbers were fetched, now {left}"
        if not old.batch_size == new.batch_size == torch.Size(lead):
            yield f"{lead}: the batch size is {list(new.batch_size)}"
        keys = set(old.keys())
        if keys != set(new.keys()) or not all(torch.equal(old[key], new[key]) for key in keys):
            yield f"{lead}: entries differ"


# ------------------------------------------------------------------------------------ PF210


def net(before, after):
    declared = build(before, "Net").state_dict()
    old, new = build(before, "Agent", None), build(after, "Agent", None)
    if list(new.state_dict()) != list(old.state_dict()):
        yield "parameters have other names"
    for name, value in new.state_dict().items():
        start = declared[name[4:]] if name.startswith("net.") else old.state_dict()[name]
        if not torch.equal(value, start):
            yield f"{name} starts otherwise"
    if torch.equal(old.net.head.weight, new.net.head.weight):
        yield "nothing was wrong"


def given_net(before, after):
    yield from net(before, after)
    given = torch.nn.Linear(8, 8)
    weights = given.weight.detach().clone()
    if not torch.equal(build(after, "Agent", None, given).net.weight, weights):
        yield "a net that is given does not keep its weights"


KINDS = {
    "box": box,
    "layered box": layered_box,
    "numbers": numbers,
    "net": net,
    "given net": given_net,
}


def complain(kind, before, after):
    try:
        return "; ".join(KINDS[kind](before, after))
    except Exception:
        return traceback.format_exc()


json.dump({name: complain(*case) for name, case in json.load(sys.stdin).items()}, sys.stdout)

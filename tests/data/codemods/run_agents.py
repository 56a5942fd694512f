"""Runs agents before and after a rewrite, side by side, for tests/codemods/test_execution.py.

Reads `{name: [folder before, folder after]}` as JSON from its standard input, writes `{name: complaint}`.
"""

import importlib
import json
import sys
import traceback
import warnings
from types import SimpleNamespace

import torch
from tensordict import TensorDict

MAXIMA = (0, 1, 3)
PAIRS = [(kind, argument) for kind, most in enumerate(MAXIMA) for argument in range(most + 1)]
TOKENS, BATCH, STEPS = 6, 3, 4
ENV = SimpleNamespace(
    single_observation_space=SimpleNamespace(shape=(TOKENS, 3)),
    single_action_space=SimpleNamespace(nvec=[3, 4]),
    max_action_args=MAXIMA,
)


def load(folder):
    """The class `Agent` of a folder, whose modules have the names that those of other folders have."""
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module("agent").Agent
    finally:
        sys.path.remove(folder)
        for name in ("agent", "net", "wrapper"):
            sys.modules.pop(name, None)


def build(kind, **config):
    torch.manual_seed(0)
    agent = kind(ENV, **config)
    agent.cum_action_max_params = torch.tensor([0, *MAXIMA]).cumsum(0)
    agent.action_index_tensor = torch.tensor(PAIRS, dtype=torch.int32)
    return agent


def observe(*lead, seed=1, **entries):
    generator = torch.Generator().manual_seed(seed)
    observed = torch.randint(0, 255, (*lead, TOKENS, 3), dtype=torch.uint8, generator=generator)
    return TensorDict({"env_obs": observed, "mask": torch.ones(*lead, 7), **entries}, lead)


def same(one, other):
    return torch.allclose(one.flatten(), other.flatten(), atol=1e-5)


def differ(old, new, keys):
    return [key for key in keys if not same(old[key], new[key])]


def complaints(old_kind, new_kind):
    old, config = build(old_kind), {"clip_range": 0.25, "analyze_weights_interval": 7}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        new = build(new_kind, **config, observations={"obs_key": "grid_obs"})
    if not any("'observations'" in str(w.message) for w in caught):
        yield "an unknown key of the config is not named in a warning"
    lost = [name for name, value in config.items() if getattr(new, name, None) != value]
    if lost:
        yield f"{lost} do not arrive"
    new.load_state_dict(old.state_dict(), strict=True)

    first_old, first_new = old(observe(BATCH)), new(observe(BATCH))
    if found := differ(first_old, first_new, ["full_log_probs", "values"]):
        yield f"the first step differs in {found}"
    second = new(observe(BATCH))
    if same(second["values"], first_new["values"]):
        yield "the second step is the first: no memory"
    done = new(observe(BATCH, dones=torch.tensor([1.0, 0.0, 0.0])))
    if not same(done["values"].flatten()[:1], first_new["values"].flatten()[:1]):
        yield "the state is not zeroed after a done"

    memory = new.get_memory()
    actions = torch.tensor(PAIRS)[torch.arange(BATCH * STEPS) % len(PAIRS)].view(BATCH, STEPS, 2)
    if hasattr(old, "reset_memory"):
        old.reset_memory()  # the trainer does, before a minibatch
    trained_old = old(observe(BATCH, STEPS), action=actions)
    trained_new = new(observe(BATCH, STEPS), action=actions)
    keys = ["full_log_probs", "value", "entropy"]
    if found := differ(trained_old, trained_new, keys):
        yield f"training differs in {found}"
    kept = new.get_memory()
    if any(
        not torch.equal(a, b) for group in memory for a, b in zip(memory[group], kept[group], strict=True)
    ):
        yield "training changes the memory of the rollout"
    expected = new(observe(BATCH))["values"].clone()
    new.set_memory(memory)
    if not same(new(observe(BATCH))["values"], expected):
        yield "get_memory and set_memory do not give the state back"
    new.reset_memory()
    if not same(new(observe(BATCH))["values"], first_new["values"]):
        yield "reset_memory does not forget"

    optimizer = torch.optim.SGD(new.parameters(), lr=10.0)
    new(observe(BATCH, STEPS), action=actions)["value"].square().sum().backward()
    optimizer.step()
    new.clip_weights()
    linear = [m.weight.abs().max() for m in new.modules() if isinstance(m, torch.nn.Linear)]
    if not linear or max(linear) > 0.25:
        yield "clip_weights does not bound the weights"


def main():
    torch.set_num_threads(1)
    found = {}
    for name, (before, after) in json.load(sys.stdin).items():
        try:
            found[name] = "; ".join(complaints(load(before), load(after)))
        except Exception:
            found[name] = traceback.format_exc()
    json.dump(found, sys.stdout)


main()

"""Speed and memory of `policyfix.runtime`'s policies against other libraries' of the same architecture.

    python benchmarks/runtime.py [--metta TREE] [--torchrl PYTHON] [--rows REGEX] [--rounds N] [--device cuda]

Rows, each against the peers that are there:

- `rollout Fast`: one step of B environments, TensorDict in and out: encode, LSTM, heads, sample, keep the
  state;
- `train Fast`: forward and backward over `[B, 64]`, of a loss of log-probs, entropies and values;
- `rollout Latent*`, `train Latent*`: the same of the latent policies;
- `masked LSTM`: forward and backward of two layers over `[64, 64]` with 10 % resets inside the rows, beside
  an unmasked `nn.LSTM`; then whether outputs and gradients equal those of a loop that steps and erases;
- `compiled`: ours under `torch.compile(fullgraph=True)` beside ours;
- `captured` and `in bfloat16`, on a GPU: the rollout step replayed from a graph, training under autocast;
- `host reads`: operators of one forward that read a value back to the host;
- `peak memory`: of one training step, in a process of its own, above what it held after one of one row.

Peers: `metta` are the hand-written policies of the public repository Metta-AI/metta at 04185f82e9, imported
from a checkout (`--metta`; needs `pufferlib-core`); `puffer` is PufferLib's `LSTMWrapper`, which has one
layer and never resets, around the plain net below, and is measured against ours with one layer; `torchrl` is
TorchRL's `LSTMModule` around the same net, run by another interpreter (`--torchrl`), because it wants a
`tensordict` of its own. A peer that is not there is named, and its rows are left out.

The contestants of a row take turns, a round each; a ratio is the median of the rounds' ratios, with their p10
and p90. By default one thread runs and processor time counts: a busy machine stretches wall time only. Of
a GPU wall time counts, until it is done.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import os
import re
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

# The largest arguments of ten action types, 29 joint actions; 22 features in a window of 11 x 11; 70 of 200
# tokens are real.
MAXIMA = [0, 1, 3, 9, 0, 1, 1, 0, 1, 3]
ACTIONS = sum(MAXIMA) + len(MAXIMA)
FEATURES, SIDE, TOKENS, REAL = 22, 11, 200, 70
STEPS, HIDDEN, LAYERS, RESETS = 64, 128, 2, 0.1
LATENT = ("Tiny", "Small", "Med")

Step = Callable[[], object]


def environment() -> SimpleNamespace:
    """What a policy asks of its environment."""
    import gymnasium as gym
    import numpy as np

    return SimpleNamespace(
        single_observation_space=gym.spaces.Box(0, 255, (TOKENS, 3), np.uint8),
        single_action_space=gym.spaces.MultiDiscrete([len(MAXIMA), max(MAXIMA) + 1]),
        obs_width=SIDE,
        obs_height=SIDE,
        feature_normalizations={id_: 10.0 + id_ for id_ in range(FEATURES)},
        max_action_args=MAXIMA,
        action_names=[f"act{kind}" for kind in range(len(MAXIMA))],
    )


def observations(*shape: int) -> Tensor:
    """Tokens uint8 `[*shape, 200, 3]`: distinct cells and features first, then padding."""
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)

    def bytes_below(bound: int) -> Tensor:
        return torch.randint(bound, (*shape, TOKENS), generator=generator, dtype=torch.uint8)

    tokens = torch.stack(
        [bytes_below(SIDE) * 16 + bytes_below(SIDE), bytes_below(FEATURES), bytes_below(255)], -1
    )
    tokens[..., REAL:, :] = 255
    return tokens


def rollout_step(policy: nn.Module, batch: int, **more: Any) -> Step:
    """One inference with everything that a rollout passes, in a new TensorDict each time."""
    entries = {
        "env_obs": observations(batch),
        "dones": (torch.arange(batch) % 50 == 0).float(),
        "truncateds": torch.zeros(batch),
        "training_env_id_start": torch.zeros(batch, dtype=torch.int64),
    }

    def step() -> object:
        with torch.no_grad():
            return policy(TensorDict(entries, [batch]), **more)

    return step


def loss_of(td: Any) -> Tensor:
    loss: Tensor = td["act_log_prob"].mean() - 0.01 * td["entropy"].mean() + td["value"].square().mean()
    return loss


def train_step(policy: nn.Module, batch: int, resets: bool = False) -> Step:
    """Forward and backward over `[batch, 64]`."""
    entries = {"env_obs": observations(batch, STEPS)}
    if resets:
        entries["dones"] = flags(batch)
    action = torch.zeros(batch, STEPS, 2, dtype=torch.int32)

    def step() -> None:
        policy.zero_grad(set_to_none=True)
        getattr(policy, "reset_memory", lambda: None)()
        loss_of(policy(TensorDict(entries, [batch, STEPS]), None, action)).backward()

    return step


def flags(batch: int) -> Tensor:
    """Episode starts bool `[batch, 64]`, one step in ten."""
    generator = torch.Generator(torch.get_default_device()).manual_seed(1)
    return torch.rand(batch, STEPS, generator=generator) < RESETS


# ------------------------------------------------------------------------ the peers


class PlainNet(nn.Module):
    """The layers of `Fast` as one writes them: box by advanced indexing, convolutions, linear heads."""

    is_continuous = False

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(FEATURES, 64, 5, 3), nn.Conv2d(64, 64, 3)
        self.fc1, self.fc2 = nn.Linear(64, 128), nn.Linear(128, HIDDEN)
        self.critic, self.value = nn.Linear(HIDDEN, 1024), nn.Linear(1024, 1)
        self.actor, self.logits = nn.Linear(HIDDEN, 512), nn.Linear(512, ACTIONS)
        self.register_buffer("scale", 10.0 + torch.arange(FEATURES).view(1, -1, 1, 1))

    def encode_observations(self, tokens: Tensor, state: Any = None) -> Tensor:
        place, feature, value = tokens.long().unbind(-1)
        x, y = place >> 4, place & 15
        row, column = torch.where((place != 255) & (feature < FEATURES) & (x < SIDE) & (y < SIDE))
        box = torch.zeros(tokens.shape[0], FEATURES, SIDE, SIDE, device=tokens.device)
        box[row, feature[row, column], x[row, column], y[row, column]] = value[row, column].float()
        cells = F.relu(self.conv2(F.relu(self.conv1(box / self.scale))))
        return F.relu(self.fc2(F.relu(self.fc1(cells.flatten(1)))))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.logits(F.relu(self.actor(hidden)))
        return logits, self.value(torch.tanh(self.critic(hidden)))


def sampled(logits: Tensor) -> tuple[Tensor, Tensor]:
    log_probs = logits.log_softmax(-1)
    index = torch.multinomial(log_probs.exp(), 1)
    return index, log_probs.gather(-1, index)


def plain_loss(logits: Tensor, values: Tensor) -> Tensor:
    log_probs = logits.log_softmax(-1)
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    return log_probs[..., 0].mean() - 0.01 * entropy.mean() + values.square().mean()


def puffer_steps() -> dict[str, Callable[[int], Step]]:
    """Kind of row -> a step of PufferLib's wrapper for a batch size."""
    from pufferlib.models import LSTMWrapper

    wrapper = LSTMWrapper(environment(), PlainNet(), HIDDEN, HIDDEN)

    def rollout(batch: int) -> Step:
        tokens = observations(batch)
        state: dict[str, Any] = {"lstm_h": torch.zeros(batch, HIDDEN), "lstm_c": torch.zeros(batch, HIDDEN)}

        def step() -> object:
            with torch.no_grad():
                logits, _ = wrapper.forward_eval(tokens, state)
                return sampled(logits)

        return step

    def train(batch: int) -> Step:
        tokens = observations(batch, STEPS)

        def step() -> None:
            wrapper.zero_grad(set_to_none=True)
            plain_loss(*wrapper(tokens, {"lstm_h": None, "lstm_c": None})).backward()

        return step

    return {"rollout": rollout, "train": train}


def torchrl_steps() -> dict[str, Callable[[int], Step]]:
    """Kind of row -> a step of TorchRL's module for a batch size."""
    from torchrl.modules import LSTMModule, set_recurrent_mode

    net = PlainNet()
    lstm = LSTMModule(HIDDEN, HIDDEN, LAYERS, in_key="features", out_key="hidden")
    start = "recurrent_state_h", "recurrent_state_c"

    def unroll(features: Tensor, starts: Tensor, shape: list[int]) -> Tensor:
        zeros = features.new_zeros(*shape, LAYERS, HIDDEN)
        td = TensorDict(
            {"features": features, "is_init": starts.unsqueeze(-1), **dict.fromkeys(start, zeros)}, shape
        )
        return lstm(td)["hidden"]

    def rollout(batch: int) -> Step:
        tokens, starts = observations(batch), torch.arange(batch) % 50 == 0
        td = TensorDict(dict.fromkeys(start, torch.zeros(batch, LAYERS, HIDDEN)), [batch])

        def step() -> object:
            with torch.no_grad(), set_recurrent_mode(False):
                td["features"], td["is_init"] = net.encode_observations(tokens), starts.unsqueeze(-1)
                after = lstm(td)
                for key in start:
                    td[key] = after["next", key]
                logits, _ = net.decode_actions(after["hidden"])
                return sampled(logits)

        return step

    def train(batch: int) -> Step:
        tokens, starts = observations(batch, STEPS).flatten(0, 1), flags(batch)

        def step() -> None:
            net.zero_grad(set_to_none=True)
            lstm.zero_grad(set_to_none=True)
            with set_recurrent_mode(True):
                features = net.encode_observations(tokens).view(batch, STEPS, -1)
                hidden = unroll(features, starts, [batch, STEPS])
                plain_loss(*net.decode_actions(hidden.flatten(0, 1))).backward()

        return step

    def core(batch: int) -> Step:
        features, starts = torch.randn(batch, STEPS, HIDDEN, requires_grad=True), flags(batch)

        def step() -> None:
            with set_recurrent_mode(True):
                unroll(features, starts, [batch, STEPS]).square().mean().backward()

        return step

    return {"rollout": rollout, "train": train, "core": core}


class _Missing(types.ModuleType):
    """In place of a package that a peer imports, but does not need for what is measured."""

    __path__: Sequence[str] = ()

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def metta_module(tree: Path, module: str) -> types.ModuleType:
    """A module of the checkout `tree`. Packages that it imports and that are not there are stood in for."""
    roots = [*(str(tree / package / "src") for package in ("agent", "common", "mettagrid")), str(tree)]
    sys.path += [root for root in roots if root not in sys.path]
    while module not in sys.modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] in ("metta", "torch"):
                raise
            sys.modules[error.name] = _Missing(error.name)
    return sys.modules[module]


def metta_policy(tree: Path, name: str) -> nn.Module:
    """The hand-written policy `name` of the checkout `tree`."""
    file = re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()
    module = metta_module(tree, f"metta.agent.pytorch.{file}")
    env = environment()
    policy: Any = getattr(module, name)(env)
    pairs = [(kind, value) for kind, most in enumerate(MAXIMA) for value in range(most + 1)]
    policy.cum_action_max_params = torch.tensor([0, *MAXIMA]).cumsum(0)
    policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32)
    names = [f"{env.action_names[k]}_{v}" for k, v in pairs]
    policy.activate_action_embeddings(names, torch.get_default_device())
    return policy


def ours(name: str, **options: Any) -> nn.Module:
    """The policy `name` of the runtime, in its default mode."""
    from policyfix.runtime import policies

    policy: nn.Module = getattr(policies, name)(environment(), **options)
    return policy


# ------------------------------------------------------------------------ measuring


class Child:
    """A peer that runs in another interpreter, which answers each step with the seconds that it took."""

    def __init__(self, python: str, options: argparse.Namespace) -> None:
        command = [
            python,
            __file__,
            "--serve-torchrl",
            "--threads",
            str(options.threads),
            "--clock",
            options.clock,
            "--device",
            options.device,
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask("hello")

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while answer := self.process.stdout.readline():
            if answer.startswith("= "):
                return answer[2:].strip()
        raise RuntimeError("the interpreter given with --torchrl ended")

    def time(self, kind: str, batch: int, repeats: int) -> float:
        return float(self.ask(f"{kind} {batch} {repeats}"))


def serve(clock: Callable[[], float], device: torch.device) -> None:
    """Answer `Child`."""
    with device:
        steps = torchrl_steps()
    made: dict[tuple[str, int], Step] = {}
    for line in sys.stdin:
        answer = "ready"
        if line.strip() != "hello":
            kind, batch, repeats = line.split()
            key = kind, int(batch)
            if key not in made:
                made.clear()
                with device:
                    made[key] = steps[kind](int(batch))
                made[key]()
            answer = repr(timed(made[key], int(repeats), clock))
        print("=", answer, flush=True)


def clock_of(options: argparse.Namespace) -> Callable[[], float]:
    """Seconds since some time: of an accelerator, when it has done what it was told."""
    if options.device == "cpu":
        return time.process_time if options.clock == "cpu" else time.perf_counter

    def clock() -> float:
        torch.accelerator.synchronize()
        return time.perf_counter()

    return clock


def timed(step: Step, repeats: int, clock: Callable[[], float]) -> float:
    """Seconds of one step, the mean of `repeats`."""
    start = clock()
    for _ in range(repeats):
        step()
    return (clock() - start) / repeats


class Bench:
    """Runs rows and prints them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.clock = clock_of(options)
        self.device = torch.device(options.device)
        self.child = Child(options.torchrl, options) if options.torchrl else None

    def wanted(self, row: str) -> bool:
        return re.search(self.options.rows, row) is not None

    def row(
        self, name: str, contestants: dict[str, Callable[[], Step]], remote: tuple[str, int] | None = None
    ) -> None:
        """Let `contestants` (what makes their steps) take turns; ratios are to the first.

        `remote`: kind and batch size of the row of TorchRL's that is measured beside them.
        """
        if not self.wanted(name):
            return
        times: dict[str, Callable[[int], float]] = {}
        repeats = 1
        for who, make in contestants.items():
            with self.device:
                step = make()
            step()
            times[who] = functools.partial(self._timed, step)
            if not repeats > 1:
                repeats = max(1, int(self.options.least / max(timed(step, 1, self.clock), 1e-6)))
        if remote is not None and self.child is not None:
            times["torchrl"] = functools.partial(self.child.time, *remote)
        rounds = [{who: run(repeats) for who, run in times.items()} for _ in range(self.options.rounds)]
        first = next(iter(times))
        for who in times:
            seconds = [one[who] for one in rounds]
            line = f"| {name} | {who} | {median(seconds) * 1e3:.2f} | {min(seconds) * 1e3:.2f} |"
            if who != first:
                ratios = [one[who] / one[first] for one in rounds]
                low, *_, high = quantiles(ratios, n=10, method="inclusive")
                line += f" {median(ratios):.2f} | {low:.2f} - {high:.2f} |"
            else:
                line += " 1 | |"
            print(line, flush=True)

    def _timed(self, step: Step, repeats: int) -> float:
        return timed(step, repeats, self.clock)


def policies(bench: Bench, tree: Path | None, puffer: dict[str, Callable[[int], Step]]) -> None:
    """The rows of whole policies."""
    kinds: dict[str, tuple[Callable[..., Step], tuple[int, ...]]] = {
        "rollout": (rollout_step, (64, 512, 2048)),
        "train": (train_step, (32, 64, 128, 256)),
    }
    for kind, (step, batches) in kinds.items():
        for batch in batches:
            contestants = {"ours": lambda: step(ours("Fast"), batch)}  # noqa: B023 -- called within the round
            if tree is not None:
                contestants["metta"] = lambda: step(metta_policy(tree, "Fast"), batch)  # noqa: B023
            bench.row(f"{kind} Fast B={batch}", contestants)
            if puffer:
                bench.row(
                    f"{kind} Fast, one layer B={batch}",
                    {
                        "ours": lambda: step(ours("Fast", num_layers=1), batch),  # noqa: B023
                        "puffer": lambda: puffer[kind](batch),  # noqa: B023
                    },
                )
            if bench.child is not None:
                more = {"resets": True} if kind == "train" else {}
                bench.row(
                    f"{kind} Fast, resets B={batch}",
                    {"ours": lambda: step(ours("Fast"), batch, **more)},  # noqa: B023
                    (kind, batch),
                )
    for size in LATENT:
        for kind, batch in (("rollout", 64), ("rollout", 512), ("rollout", 2048), ("train", 32)):
            step = kinds[kind][0]
            contestants = {"ours": lambda: step(ours(f"LatentAttn{size}"), batch)}  # noqa: B023
            if tree is not None:
                contestants["metta"] = lambda: step(metta_policy(tree, f"LatentAttn{size}"), batch)  # noqa: B023
            bench.row(f"{kind} LatentAttn{size} B={batch}", contestants)


# ------------------------------------------------------------------------ the LSTM alone


def unmasked(lstm: nn.LSTM, inputs: Tensor, starts: Tensor) -> Tensor:
    outputs: Tensor = lstm(inputs)[0]
    return outputs


def masked(lstm: nn.LSTM, inputs: Tensor, starts: Tensor) -> Tensor:
    from policyfix.runtime.nets.lstm import masked_lstm

    zeros = inputs.new_zeros(LAYERS, inputs.shape[0], HIDDEN)
    return masked_lstm(lstm, inputs, (zeros, zeros), starts)[0]


def step_loop(lstm: nn.LSTM, inputs: Tensor, starts: Tensor) -> Tensor:
    """Erase and step: what a mask means."""
    h = c = inputs.new_zeros(LAYERS, inputs.shape[0], HIDDEN)
    outputs = []
    for step in range(inputs.shape[1]):
        erased = starts[:, step].view(1, -1, 1)
        h, c = h.masked_fill(erased, 0.0), c.masked_fill(erased, 0.0)
        output, (h, c) = lstm(inputs[:, step : step + 1], (h, c))
        outputs.append(output)
    return torch.cat(outputs, dim=1)


def packed(lstm: nn.LSTM, inputs: Tensor, starts: Tensor) -> Tensor:
    """Every episode a sequence of its own, all packed."""
    starts = starts.clone()
    starts[:, 0] = True
    first = starts.flatten().nonzero().flatten()
    lengths = torch.diff(first, append=first.new_tensor([starts.numel()]))
    pieces = inputs.flatten(0, 1).split(lengths.tolist())
    outputs, _ = lstm(nn.utils.rnn.pack_sequence(pieces, enforce_sorted=False))
    return torch.cat(nn.utils.rnn.unpack_sequence(outputs)).view_as(inputs)


def cores(bench: Bench) -> None:
    """The rows of the LSTM alone."""
    torch.manual_seed(0)
    lstm = nn.LSTM(HIDDEN, HIDDEN, LAYERS, batch_first=True, device=bench.device)
    for batch in (64,):
        with bench.device:
            inputs, starts = torch.randn(batch, STEPS, HIDDEN, requires_grad=True), flags(batch)

        def backward(unroll: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
            inputs.grad = None  # noqa: B023 -- called within the round
            outputs = unroll(lstm, inputs, starts)  # noqa: B023
            outputs.square().mean().backward()
            assert inputs.grad is not None  # noqa: B023
            return outputs.detach(), inputs.grad  # noqa: B023

        name = f"masked LSTM B={batch}"
        kinds = {
            "nn.LSTM, unmasked": unmasked,
            "ours": masked,
            "step loop": step_loop,
            "PackedSequence": packed,
        }
        bench.row(
            name,
            {who: lambda unroll=unroll: lambda: backward(unroll) for who, unroll in kinds.items()},
            ("core", batch),
        )
        if bench.wanted(name):
            pairs = zip(backward(masked), backward(step_loop), strict=True)
            print(
                f"\nbitwise equal to the step loop: {all(torch.equal(one, other) for one, other in pairs)}\n"
            )


# ------------------------------------------------------------------------ counts


class HostReads(TorchDispatchMode):
    """Counts operators that read a value back to the host, or whose shape depends on one."""

    names = frozenset(
        ("_local_scalar_dense", "nonzero", "unique", "_unique2", "masked_select", "equal", "is_nonzero")
    )

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket.__name__ in self.names
        return func(*args, **(kwargs or {}))


def host_reads(bench: Bench, tree: Path | None) -> None:
    if not bench.wanted("host reads"):
        return
    names = ["Fast", *(f"LatentAttn{size}" for size in LATENT)]
    action = torch.zeros(4, STEPS, 2, dtype=torch.int32, device=bench.device)
    print("\n| forward | who | host reads of a rollout step | of a training forward |\n|-|-|-|-|")
    for name in names:
        for who, make in {
            "ours": ours,
            "metta": functools.partial(metta_policy, tree) if tree else None,
        }.items():
            if make is None:
                continue
            with bench.device:
                policy = make(name)
                rollout, tokens = rollout_step(policy, 4), observations(4, STEPS)
            rollout()
            with HostReads() as stepping:
                rollout()
            with HostReads() as training:
                getattr(policy, "reset_memory", lambda: None)()
                policy(TensorDict({"env_obs": tokens}, [4, STEPS]), None, action)
            print(f"| {name} | {who} | {stepping.count} | {training.count} |", flush=True)


def compiled(bench: Bench) -> None:
    def compile_(policy: nn.Module) -> Any:
        torch._dynamo.reset()
        return torch.compile(policy, fullgraph=True)

    for batch in (64, 512):
        bench.row(
            f"compiled rollout Fast B={batch}",
            {
                "ours": lambda: rollout_step(ours("Fast"), batch),  # noqa: B023 -- called within the round
                "ours, compiled": lambda: rollout_step(compile_(ours("Fast")), batch),  # noqa: B023
            },
        )
    bench.row(
        "compiled train Fast B=32",
        {
            "ours": lambda: train_step(ours("Fast"), 32),
            "ours, compiled": lambda: train_step(compile_(ours("Fast")), 32),
        },
    )


def captured(step: Step) -> Step:
    """A step that is told to a GPU once, and replayed."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def in_bfloat16(step: Step) -> Step:
    def low() -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            step()

    return low


def on_a_gpu(bench: Bench) -> None:
    for batch in (64, 512, 2048):
        bench.row(
            f"captured rollout Fast B={batch}",
            {
                "ours": lambda: rollout_step(ours("Fast"), batch),  # noqa: B023 -- called within the round
                "ours, captured": lambda: captured(rollout_step(ours("Fast"), batch)),  # noqa: B023
            },
        )
    for batch in (32, 256):
        bench.row(
            f"train Fast in bfloat16 B={batch}",
            {
                "ours": lambda: train_step(ours("Fast"), batch),  # noqa: B023
                "ours, bfloat16": lambda: in_bfloat16(train_step(ours("Fast"), batch)),  # noqa: B023
            },
        )


def held(device: torch.device) -> float:
    """The most MB that this process has held: of its own memory, or of a GPU's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status").read_text()  # getrusage begins with what the parent has held
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 2**10  # type: ignore[index]


def peak(who: str, batch: int, tree: Path | None, device: torch.device) -> float:
    """MB that a training step of `batch` rows of `Fast` adds to the most that this process has held."""
    with device:
        policy = metta_policy(tree, "Fast") if who == "metta" and tree is not None else ours("Fast")
        first, step = train_step(policy, 1), train_step(policy, batch)
    first()
    before = held(device)
    step()
    return held(device) - before


def memory(bench: Bench, tree: Path | None) -> None:
    if not bench.wanted("peak memory"):
        return
    print("\n| peak memory of a training step, MB | B=64 | B=128 |\n|-|-|-|")
    for who in ["ours", *(["metta"] if tree else [])]:
        cells = []
        for batch in (64, 128):
            command = [
                sys.executable,
                __file__,
                "--peak",
                who,
                str(batch),
                "--threads",
                str(bench.options.threads),
                "--device",
                bench.options.device,
            ]
            command += ["--metta", str(tree)] if tree else []
            cells.append(
                float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
            )
        print(f"| {who} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |", flush=True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metta", type=Path, help="a checkout of Metta-AI/metta at 04185f82e9")
    parser.add_argument("--torchrl", help="an interpreter that has torchrl")
    parser.add_argument("--rows", default="", help="only the rows that this regular expression finds")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--least", type=float, default=0.05, help="seconds that a round takes at least")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--clock", choices=("cpu", "wall"), default="cpu", help="seconds of processor or of wall time"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    parser.add_argument("--serve-torchrl", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be at least 2")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.serve_torchrl:
        serve(clock_of(options), torch.device(options.device))
        return 0
    if options.peak:
        print(peak(options.peak[0], int(options.peak[1]), options.metta, torch.device(options.device)))
        return 0

    bench, tree = Bench(options), options.metta
    where = f"{os.cpu_count()} cores, {options.threads} thread(s), {options.clock} time"
    if bench.device.type == "cuda":
        where = torch.cuda.get_device_name(bench.device)
    print(f"{where}; torch {torch.__version__}\n")
    try:
        with bench.device:
            puffer = puffer_steps()
    except ImportError as error:
        puffer = {}
        print(f"puffer is left out: {error}\n")
    for who, given in (("metta", tree), ("torchrl", options.torchrl)):
        if not given:
            print(f"{who} is left out: --{who} was not given\n")
    print("| row | who | median ms | least ms | ratio to the first | p10 - p90 |\n|-|-|-|-|-|-|")
    policies(bench, tree, puffer)
    cores(bench)
    compiled(bench)
    if bench.device.type == "cuda":
        on_a_gpu(bench)
    host_reads(bench, tree)
    memory(bench, tree)
    return 0


if __name__ == "__main__":
    with quiet():
        sys.exit(main())

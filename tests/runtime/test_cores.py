"""Other recurrent cores than the LSTM: what a policy promises holds for them too."""

import pytest
import torch
from torch import Tensor, nn

from policyfix.runtime.memory import run_core
from policyfix.runtime.nets.gru import MaskedGRU
from policyfix.runtime.nets.lstm import MaskedLSTM


class Leaky(nn.Module):
    """A core of one's own: a running average of its inputs, with two tensors of state."""

    num_layers, hidden_size, state_names = 1, 6, ("average", "count")

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(5, 6)

    def forward(self, inputs: Tensor, state: tuple[Tensor, ...], resets: Tensor | None):
        average, count = (part[0] for part in state)
        outputs = []
        for step, projected in enumerate(self.project(inputs).unbind(1)):
            if resets is not None:
                average, count = (part.masked_fill(resets[:, step, None], 0.0) for part in (average, count))
            count = count + 1
            average = average + (projected - average) / count
            outputs.append(average)
        return torch.stack(outputs, dim=1), (average[None], count[None])


CORES = {"gru": lambda: MaskedGRU(5, 6, 2), "own": Leaky}


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest):
    return CORES[request.param]


def test_training_equals_the_stepped_rollout(core, policy, batch) -> None:
    torch.manual_seed(0)
    agent = policy(core=core())
    dones, truncateds = torch.rand(3, 8) < 0.3, (torch.rand(3, 8) < 0.2).float()
    td = batch(3, 8, dones=dones, truncateds=truncateds)
    with torch.no_grad():
        agent(batch(3, seed=9))
        start = agent.get_memory()[0]
        steps = [agent(td[:, step].clone()) for step in range(8)]
    rollout = torch.stack(steps, dim=1)
    state = dict(zip(agent.state_names, start, strict=True))
    out = agent(td, state, rollout["actions"])
    torch.testing.assert_close(out["full_log_probs"], rollout["full_log_probs"], atol=1e-5, rtol=0)
    torch.testing.assert_close(out["value"].squeeze(-1), rollout["values"], atol=1e-5, rtol=0)
    torch.testing.assert_close(tuple(state.values()), agent.get_memory()[0], atol=1e-5, rtol=0)
    out["value"].sum().backward()
    assert all(p.grad is not None for p in agent.core.parameters())


def test_memory_and_checkpoints_work(core, policy, batch) -> None:
    agent, other = policy(core=core(), seed=1), policy(core=core(), seed=2)
    agent(batch(3))
    other.set_memory(agent.get_memory())
    other.load_state_dict(agent.state_dict())
    assert {name.partition(".")[0] for name, _ in agent.named_parameters()} == {"policy", "core"}
    torch.testing.assert_close(other(batch(3))["values"], agent(batch(3))["values"])
    with pytest.raises(ValueError, match=rf"{agent.state_names[0]}.*must be \[L, B, H\]"):
        agent(batch(3), {name: torch.zeros(1, 2, 3) for name in agent.state_names})
    wrong = tuple(torch.zeros(agent.num_layers, 3, 7) for _ in agent.state_names)
    with pytest.raises(ValueError, match=r"memory of group 4.*got \[\d, 3, 7\]"):
        agent.set_memory({4: wrong})


@pytest.mark.parametrize("mode", ["rollout", "training"])
def test_a_gru_is_captured_in_one_graph(mode: str, policy, batch) -> None:
    agent, reference = policy(core=MaskedGRU(5, 6, 2)), policy(core=MaskedGRU(5, 6, 2))
    reference.load_state_dict(agent.state_dict())
    shape = (3,) if mode == "rollout" else (3, 4)
    action = None if mode == "rollout" else torch.zeros(3, 4, 2, dtype=torch.int32)
    td = batch(*shape, dones=torch.rand(shape) < 0.4)
    torch._dynamo.reset()
    compiled = torch.compile(agent, fullgraph=True, backend="aot_eager")
    got, expected = compiled(td.clone(), action=action), reference(td.clone(), action=action)
    torch.testing.assert_close(got["full_log_probs"], expected["full_log_probs"], atol=1e-5, rtol=0)


def test_a_core_must_name_its_state(policy) -> None:
    with pytest.raises(ValueError, match="type Linear must name the tensors of its state"):
        policy(core=nn.Linear(5, 6))


@pytest.mark.parametrize(
    ("core", "message"),
    [
        (MaskedGRU, "core must be a module, got <class"),
        (MaskedGRU(7, 6), "reads 7 numbers a step, but input_size is 5"),
        (nn.LSTMCell(5, 6), "must name the tensors of its state"),
        (type("Unsized", (nn.Module,), {"state_names": ("h",)})(), "must say its num_layers; Unsized has no"),
    ],
)
def test_what_is_no_core_is_refused(core, message: str, policy) -> None:
    with pytest.raises(ValueError, match=message):
        policy(core=core)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.zeros(3, 1, 6), r"must return \(outputs \[B, T, H\], state\), got a Tensor"),
        ((torch.zeros(3, 2, 6), (torch.zeros(1, 3, 6),) * 2), r"\[B, T\] = \[3, 1\], got \[3, 2, 6\]"),
        ((torch.zeros(3, 1, 6), (torch.zeros(1, 3, 6),)), r"a state of \[1, 3, 6\] and \[1, 3, 6\] for"),
        ((torch.zeros(3, 1, 6), torch.zeros(1, 3, 6)), r"and \[3, 6\]$"),
    ],
)
def test_what_a_core_returns_is_checked(returned, message: str, policy, batch) -> None:
    core = type("Odd", (Leaky,), {"forward": lambda self, *given: returned})()
    with pytest.raises(ValueError, match=message):
        policy(core=core)(batch(3))


@pytest.mark.parametrize("kind", [MaskedLSTM, MaskedGRU, nn.LSTM, nn.GRU])
def test_shapes_that_do_not_fit_are_named_before_a_kernel_sees_them(kind) -> None:
    core, flags = kind(5, 6, 2), torch.zeros(3, 4, dtype=torch.bool)
    parts = 1 if core.mode == "GRU" else 2
    inputs, state = torch.zeros(3, 4, 5), (torch.zeros(2, 3, 6),) * parts
    run_core(core, inputs, state, flags)
    for wrong, message in (
        ((inputs[0], state, None), r"inputs must be \[B, T, I=5\], T >= 1, got \[4, 5\]"),
        ((inputs[:, :0], state, None), r"got \[3, 0, 5\]"),
        ((inputs[..., :4], state, flags), r"got \[3, 4, 4\]"),
        ((inputs[:2], state, None), r"\[L, B, H\] = \[2, 2, 6\], got \[2, 3, 6\]"),
        ((inputs, (torch.zeros(2, 3, 5),) * parts, flags), r"\[2, 3, 6\], got \[2, 3, 5\]"),
        ((inputs, (*state[1:], torch.zeros(1, 3, 6)), flags), r"\[2, 3, 6\], got \[1, 3, 6\]"),
        ((inputs, state, flags.t()), r"bool \[B, T\] = \[3, 4\], got torch.bool \[4, 3\]"),
        ((inputs, state, flags.float()), r"got torch.float32 \[3, 4\]"),
    ):
        with pytest.raises(ValueError, match=message):
            run_core(core, *wrong)


@pytest.mark.parametrize("core", [lambda: None, lambda: MaskedGRU(5, 6)], ids=["lstm", "gru"])
def test_torch_func_differentiates_through_resets(core, policy, batch) -> None:
    agent, action = policy(core=core()), torch.zeros(3, 8, 2, dtype=torch.int64)
    td = batch(3, 8, dones=torch.arange(24).view(3, 8) % 5 == 0)

    def loss(weights: dict[str, Tensor]) -> Tensor:
        out = torch.func.functional_call(agent, weights, (td,), {"action": action})
        return out["act_log_prob"].sum() + out["value"].square().sum()

    weights = dict(agent.named_parameters())
    expected = torch.autograd.grad(loss(weights), list(weights.values()))
    got = torch.func.grad(loss)({name: weight.detach() for name, weight in weights.items()})
    torch.testing.assert_close(tuple(got.values()), expected)

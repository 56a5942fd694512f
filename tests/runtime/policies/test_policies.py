"""What all five policies promise in sound mode."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict

from policyfix.runtime import policies
from policyfix.runtime.modes import SOUND
from policyfix.runtime.policies import latent
from policyfix.runtime.policies.actor_critic import ActorCritic


def actions(*batch: int, seed: int = 0) -> torch.Tensor:
    """Legal pairs of the default environment, whose joint actions are (0,0) (1,0) (1,1) (2,0) .. (2,3)."""
    table = torch.tensor([[0, 0], [1, 0], [1, 1], [2, 0], [2, 1], [2, 2], [2, 3]], dtype=torch.int32)
    return table[torch.randint(0, 7, batch, generator=torch.Generator().manual_seed(seed))]


@pytest.mark.parametrize("name", policies.__all__)
@settings(max_examples=8, deadline=None)
@given(
    rows=st.integers(1, 4),
    steps=st.integers(1, 7),
    density=st.sampled_from([0.0, 0.2, 1.0]),
    warm_up=st.integers(0, 2),
    seed=st.integers(0, 1000),
)
def test_a_training_forward_equals_the_stepped_rollout(
    name, rows, steps, density, warm_up, seed, world, step
):
    torch.manual_seed(seed)
    agent = getattr(policies, name)(world(), input_size=12, hidden_size=10)
    length = warm_up + steps
    dones, truncateds = torch.rand(rows, length) < density, (torch.rand(rows, length) < density / 2).float()
    td = step(rows, length, seed=seed, dones=dones, truncateds=truncateds)
    stepped, start = [], agent.memory.zeros(rows)
    with torch.no_grad():
        for t in range(length):
            if t == warm_up and t:
                start = agent.get_memory()[0]
            stepped.append(agent(td[:, t].clone()))
    rollout = torch.stack(stepped[warm_up:], dim=1)
    state = dict(zip(agent.state_names, start, strict=True))
    out = agent(td[:, warm_up:], state, rollout["actions"])
    for key in ("act_log_prob", "full_log_probs"):
        torch.testing.assert_close(out[key], rollout[key], atol=1e-5, rtol=0)
    torch.testing.assert_close(out["value"].squeeze(-1), rollout["values"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", policies.__all__)
def test_features_encoded_without_gradient_serve_a_net_that_learns(name, world, observe) -> None:
    agent = getattr(policies, name)(world(side=(14, 11)))  # a window that nothing is known of yet
    tokens = observe(20)
    with torch.no_grad():
        features = agent.policy.encode_observations(tokens)
    probe = torch.nn.Linear(features.shape[-1], 1)
    probe(features).sum().backward()
    torch.testing.assert_close(probe.weight.grad, features.sum(0, keepdim=True).flatten(1))
    agent.policy.encode_observations(tokens).sum().backward()  # by what the first call has kept


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", ["LatentAttnTiny", "LatentAttnSmall", "LatentAttnMed"])
def test_many_rows_are_read_as_few_are(name, grad, world, step, monkeypatch) -> None:
    encoder = getattr(policies, name)(world()).policy.encoder
    observations = step(40)["env_obs"]
    with torch.set_grad_enabled(grad):
        expected = encoder(observations)
        monkeypatch.setattr(latent, "_SCORES", 1)
        got = encoder(observations)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["LatentAttnTiny", "LatentAttnMed"])
def test_transforms_of_functions_differentiate_what_reads_tokens(name, world, step) -> None:
    encoder = getattr(policies, name)(world()).policy.encoder
    observations = step(6)["env_obs"]
    weights = {key: weight.detach() for key, weight in encoder.named_parameters()}

    def total(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(encoder, weights, (observations,)).sum()

    got = torch.func.grad(total)(weights)
    expected = torch.autograd.grad(encoder(observations).sum(), list(encoder.parameters()))
    for one, other in zip(got.values(), expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5 * max(other.abs().max().item(), 1.0), rtol=1e-5)


def test_outputs_have_the_shapes_of_the_contract_and_every_parameter_learns(build, step) -> None:
    agent = build()
    td = step(6)
    before = td["env_obs"].clone()
    agent(td)
    assert td["full_log_probs"].shape == (6, 7)
    torch.testing.assert_close(td["full_log_probs"].exp().sum(-1), torch.ones(6))
    assert torch.equal(td["env_obs"], before)
    out = agent(step(3, 4), action=actions(3, 4))
    assert out["value"].shape == (3, 4, 1)
    (out["act_log_prob"].sum() + out["value"].sum() + out["entropy"].square().sum()).backward()
    silent = [name for name, p in agent.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert silent == []
    dead = {name for name, p in agent.named_parameters() if not p.grad.any()}
    assert dead <= {"policy.heads.action_head.bias"}  # the softmax takes no notice of it


def test_every_legal_action_is_taken(build, step) -> None:
    agent = build()
    taken = agent(step(2000))["actions"]
    assert {tuple(pair) for pair in taken.tolist()} == {
        tuple(pair) for pair in agent.action_index_tensor.tolist()
    }


def test_rows_do_not_depend_on_their_neighbours_or_on_padding(build, step, observe) -> None:
    agent, td = build().eval(), step(5)
    td["env_obs"][2] = observe(1, seed=9)[0].masked_fill(torch.tensor(False), 0)
    td["env_obs"][2, :, 0] &= 0x99  # a row without padding
    td["env_obs"][2, :, 1] %= 5
    td["env_obs"][4] = 255  # and one of nothing else
    agent.reset_memory()
    with torch.no_grad():
        together = agent(td.clone())["full_log_probs"]
        for row in range(5):
            agent.reset_memory()
            torch.testing.assert_close(agent(td[row : row + 1].clone())["full_log_probs"][0], together[row])
    assert together.isfinite().all()


@pytest.mark.parametrize("side", [(11, 11), (14, 11), (11, 14)])
@pytest.mark.parametrize(("features", "maxima"), [(1, (0,)), (64, (99, 99, 99)), (7, (0, 0, 0, 4))])
def test_other_environments(features, maxima, side, build, world, observe) -> None:
    agent = build(world(features, side, maxima))
    count = sum(maximum + 1 for maximum in maxima)
    for tokens, rows in ((20, 3), (20, 1)):
        td = TensorDict({"env_obs": observe(rows, tokens=tokens, features=features, side=side)}, [rows])
        assert agent(td)["full_log_probs"].shape == (rows, count)
    last = torch.tensor([[[len(maxima) - 1, maxima[-1]]]])
    td = TensorDict({"env_obs": observe(1, 1, features=features, side=side)}, [1, 1])
    out = agent(td, action=last)
    assert torch.equal(out["act_log_prob"], out["full_log_probs"][..., -1])


@pytest.mark.parametrize("tokens", [1, 500])
def test_other_numbers_of_tokens(tokens, build, world, observe) -> None:
    agent = build(world(tokens=tokens))
    out = agent(TensorDict({"env_obs": observe(2, 3, tokens=tokens)}, [2, 3]), action=actions(2, 3))
    assert out["value"].isfinite().all()


def test_discrete_actions(build, world, step) -> None:
    space = type("Discrete", (), {"n": 5})()
    agent = build(world(single_action_space=space, max_action_args=None, action_names=list("abcde")))
    td = agent(step(50))
    assert td["full_log_probs"].shape == (50, 5)
    assert set(td["actions"].tolist()) == set(range(5))
    out = agent(step(2, 3), action=torch.tensor([[0, 1, 2], [3, 4, 0]]))
    assert out["act_log_prob"].shape == (2, 3)


def test_environments_decide_the_normalisation(build, world, step) -> None:
    def values(agent):
        agent.reset_memory()
        with torch.no_grad():
            return agent(step(4))["values"]

    one, other = build(world()), build(world(feature_normalizations=dict.fromkeys(range(5), 200.0)))
    assert (values(one) - values(other)).abs().max() > 1e-5
    features = {f"feature{id_}": {"id": id_, "normalization": 200.0} for id_ in range(5)}
    one.update_normalization_factors(features)
    torch.testing.assert_close(values(one), values(other))


def test_actions_keep_their_embeddings_by_name(world, step) -> None:
    for name in ("Fast", "LatentAttnTiny"):
        agent = getattr(policies, name)(world(), input_size=12, hidden_size=10)
        logits = agent(step(4))["full_log_probs"]
        first = agent.policy.heads.action_embeddings()
        names = ["act2_3", "new_0", "act0_0"]
        agent.activate_action_embeddings(names, "cpu")
        agent.reset_memory()
        second = agent.policy.heads.action_embeddings()
        assert torch.equal(second[[0, 2]], first[[6, 0]])
        assert logits.shape == (4, 7)
        with pytest.raises(ValueError, match="raise num_embeddings"):
            agent.activate_action_embeddings([f"many_{i}" for i in range(100)], "cpu")


def test_without_known_actions_the_first_forward_says_so(world, step) -> None:
    agent = policies.Fast(world(max_action_args=None))
    with pytest.raises(RuntimeError, match="no actions: activate_action_embeddings"):
        agent(step(2))


def test_a_window_too_small_and_unknown_config_are_named(build, world) -> None:
    with pytest.warns(UserWarning, match="'clip_rang' .did you mean 'clip_range'"):
        build(clip_rang=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(clip_range=0.1, analyze_weights_interval=5)
    for name in ("Fast", "Example"):
        with pytest.raises(ValueError, match="at least 11 x 11 cells, got 10 x 11"):
            getattr(policies, name)(world(side=(10, 11)))


def test_clipping_reaches_encoder_and_heads(build) -> None:
    agent = build(clip_range=0.01)
    agent.clip_weights()
    layers = [m for m in agent.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)]
    assert all(layer.weight.abs().max() <= 0.01 for layer in layers)
    assert len(layers) >= 6


def test_the_critic_is_a_layer_of_tanh(world) -> None:
    heads = ActorCritic(world(), 10, SOUND, num_action_embeddings=9).double()
    hidden = torch.randn(5, 10, dtype=torch.float64, requires_grad=True)
    leaves = [hidden, *heads.critic_1.parameters(), *heads.value_head.parameters()]
    value, expected = heads.value(hidden), heads.value_head(torch.tanh(heads.critic_1(hidden)))
    torch.testing.assert_close(value, expected)
    gradients = (torch.autograd.grad(one.square().sum(), leaves) for one in (value, expected))
    for got, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(got, wanted)
    with torch.no_grad():
        many = torch.randn(700, 10, dtype=torch.float64)  # more than are judged at once
        torch.testing.assert_close(heads.value(many), heads.value_head(torch.tanh(heads.critic_1(many))))

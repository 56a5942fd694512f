import copy
import io
import linecache
import pickle
import warnings

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from policyfix.runtime import RecurrentPolicy, write_stamps


def actions(*shape: int, kind: int = 2, argument: int = 1) -> Tensor:
    return torch.tensor([kind, argument], dtype=torch.int32).expand(*shape, 2)


# --- the forward contract ----------------------------------------------------------------------------------


def test_a_rollout_step_writes_its_outputs_into_the_td_it_was_given(policy, batch) -> None:
    td = batch(4)
    observations = td["env_obs"].clone()
    assert policy()(td) is td
    described = {key: (tuple(value.shape), value.dtype) for key, value in td.items()}
    assert described == {
        "env_obs": ((4, 4, 3), torch.uint8),
        "actions": ((4, 2), torch.int32),
        "act_log_prob": ((4,), torch.float32),
        "values": ((4,), torch.float32),
        "full_log_probs": ((4, 7), torch.float32),
        "bptt": ((4,), torch.int64),
        "batch": ((4,), torch.int64),
    }
    assert torch.equal(td["env_obs"], observations)
    assert (td["bptt"] == 1).all()
    assert (td["batch"] == 4).all()
    torch.testing.assert_close(td["full_log_probs"].exp().sum(-1), torch.ones(4))
    index = policy()._convert_action_to_logit_index(td["actions"])
    assert torch.equal(td["act_log_prob"], td["full_log_probs"][torch.arange(4), index])


@pytest.mark.parametrize("steps", [1, 5])
def test_training_returns_sequences_and_leaves_its_input_alone(steps: int, policy, batch) -> None:
    td = batch(3, steps, rewards=torch.rand(3, steps))
    before = td.clone()
    out = policy()(td, action=actions(3, steps))
    assert set(td.keys()) == {"env_obs", "rewards"}
    assert (td == before).all()
    assert out.batch_size == (3, steps)
    described = {key: (tuple(value.shape), value.dtype) for key, value in out.items()}
    assert described == {
        "env_obs": ((3, steps, 4, 3), torch.uint8),
        "rewards": ((3, steps), torch.float32),
        "act_log_prob": ((3, steps), torch.float32),
        "entropy": ((3, steps), torch.float32),
        "value": ((3, steps, 1), torch.float32),
        "full_log_probs": ((3, steps, 7), torch.float32),
        "bptt": ((3, steps), torch.int64),
        "batch": ((3, steps), torch.int64),
    }
    assert (out["bptt"] == steps).all()
    assert (out["batch"] == 3).all()
    assert torch.equal(out["act_log_prob"], out["full_log_probs"][..., 4])  # (2, 1) is joint action 4
    probs = out["full_log_probs"].exp()
    torch.testing.assert_close(out["entropy"], -(probs * out["full_log_probs"]).sum(-1))


def test_given_actions_decide_the_log_probs_row_by_row(policy, batch) -> None:
    agent, td = policy(), batch(2, 3)
    given = torch.tensor([[[0, 0], [1, 0], [1, 1]], [[2, 0], [2, 1], [2, 3]]], dtype=torch.int32)
    out = agent(td, action=given)
    expected = out["full_log_probs"].flatten(0, 1)[torch.arange(6), torch.tensor([0, 1, 2, 3, 4, 6])]
    assert torch.equal(out["act_log_prob"].flatten(), expected)
    assert torch.equal(agent(td, action=given.flatten(0, 1))["act_log_prob"], out["act_log_prob"])


def test_sequences_may_come_in_a_td_with_one_batch_dimension(policy, batch) -> None:
    agent, td = policy(), batch(2, 3, dones=torch.rand(2, 3) < 0.5)
    expected = agent(td, action=actions(2, 3))
    flat = TensorDict(
        {"env_obs": td["env_obs"], "dones": td["dones"], "group": torch.arange(2)}, batch_size=[2]
    )
    out = agent(flat, action=actions(2, 3))
    assert out.batch_size == (2, 3)
    assert out["group"].tolist() == [[0, 0, 0], [1, 1, 1]]
    for key in expected.keys():  # noqa: SIM118
        assert torch.equal(out[key], expected[key])
    assert flat.batch_size == (2,)
    assert "bptt" not in flat
    single = agent(TensorDict({"env_obs": td["env_obs"][:, 0]}, [2]), action=actions(2))
    assert single["value"].shape == (2, 1, 1)
    assert single["env_obs"].shape == (2, 1, 4, 3)


@pytest.mark.parametrize(
    ("entries", "batch_size", "action", "message"),
    [
        ({"obs": torch.zeros(2)}, [2], None, r"no 'env_obs'; it has \['obs'\]"),
        ({"env_obs": torch.zeros(2, 4, 2)}, [2], None, r"obs_shape \[4, 3\] in a rollout.*got \[2, 4, 2\]"),
        ({"env_obs": torch.zeros(2, 5, 4, 3)}, [2, 5], None, r"in a rollout \(no action given\)"),
        ({"env_obs": torch.zeros(2, 1, 1, 4, 3)}, [2, 1], actions(2, 1), r"in training"),
        ({"env_obs": torch.zeros(0, 4, 3)}, [0], None, "empty batch"),
        ({"env_obs": torch.zeros(2, 4, 3)}, [], None, r"batch size \[\] does not fit"),
        (
            {"env_obs": torch.zeros(2, 5, 4, 3)},
            [2, 5],
            actions(2, 4),
            r"\[2, 5, 2\] or \[10, 2\], got \[2, 4, 2\]",
        ),
        ({"env_obs": torch.zeros(2, 5, 4, 3)}, [2, 5], torch.zeros(2, 5, 2), "integer tensor"),
        (
            {"env_obs": torch.zeros(2, 5, 4, 3), "dones": torch.zeros(2, 5, 2)},
            [2, 5],
            actions(2, 5),
            "dones must",
        ),
        ({"env_obs": torch.zeros(2, 5, 4, 3), "dones": torch.zeros(2)}, [2], actions(2, 5), "dones must"),
        (
            {"env_obs": torch.zeros(2, 4, 3)},
            [2],
            torch.tensor([[2, 3], [3, 0]]),
            r"action \[3, 0\] of row 1 does not exist.*\[0, 1, 3\]",
        ),
        ({"env_obs": torch.zeros(1, 4, 3)}, [1], torch.tensor([[-1, 0]]), r"action \[-1, 0\] of row 0"),
        ({"env_obs": torch.zeros(1, 4, 3)}, [1], torch.tensor([[1, 2]]), r"action \[1, 2\] of row 0"),
        ({"env_obs": torch.zeros(1, 4, 3)}, [1], torch.tensor([[1, -1]]), r"action \[1, -1\] of row 0"),
    ],
)
def test_what_does_not_fit_is_named(entries, batch_size, action, message: str, policy) -> None:
    with pytest.raises((ValueError, KeyError), match=message):
        policy()(TensorDict(entries, batch_size=batch_size), action=action)


def test_what_is_of_another_type_is_named(policy, batch) -> None:
    agent = policy()
    with pytest.raises(TypeError, match="takes a TensorDict with 'env_obs', got a dict"):
        agent({"env_obs": torch.zeros(2, 4, 3)})
    with pytest.raises(TypeError, match=r"integer tensor of shape \[2, 1, 2\], got a list"):
        agent(batch(2), action=[[0, 0], [0, 0]])
    with pytest.raises(TypeError, match="a mapping with lstm_h and lstm_c, got a tuple"):
        agent(batch(2), (torch.zeros(2, 2, 6), torch.zeros(2, 2, 6)))


def test_a_net_that_writes_into_its_observations_cannot_reach_the_trainer(policy, net, batch) -> None:
    class Careless(net):
        def encode_observations(self, observations: Tensor) -> Tensor:
            observations[observations > 100] = 0
            return super().encode_observations(observations)

    for td, action in ((batch(3), None), (batch(3, 2), actions(3, 2))):
        before = td["env_obs"].clone()
        policy(Careless)(td, action=action)
        assert torch.equal(td["env_obs"], before)


def test_rollouts_carry_memory_and_repeat_under_a_seed(policy, batch) -> None:
    agent = policy()
    first, second = agent(batch(3)), agent(batch(3))
    assert (first["values"] != second["values"]).all()
    agent.reset_memory()
    torch.manual_seed(5)
    one = agent(batch(3))
    agent.reset_memory()
    torch.manual_seed(5)
    two = agent(batch(3))
    assert torch.equal(first["values"], one["values"])
    assert (one == two).all()


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_no_graph_outlives_a_step(guard, policy, batch) -> None:
    agent = policy()
    for seed in range(4):
        with guard():
            agent(batch(3, seed=seed))
    h, c = agent.get_memory()[0]
    assert h.grad_fn is c.grad_fn is None
    assert not h.requires_grad
    agent(batch(3, 2), action=actions(3, 2))["value"].sum().backward()
    agent(batch(3, 2), action=actions(3, 2))["value"].sum().backward()
    assert all(
        parameter.grad.isfinite().all() for name, parameter in agent.named_parameters() if "lstm" in name
    )


# --- an explicit state -------------------------------------------------------------------------------------


def test_an_explicit_state_takes_the_place_of_the_store(policy, batch) -> None:
    agent, reference = policy(), policy()
    zeros = torch.zeros(2, 3, 6)
    state = {"lstm_h": zeros, "lstm_c": zeros}
    with torch.enable_grad():
        for seed in range(3):
            got, expected = agent(batch(3, seed=seed), state), reference(batch(3, seed=seed))
            torch.testing.assert_close(got["values"], expected["values"])
    assert agent.get_memory() == {}
    assert not state["lstm_h"].requires_grad
    torch.testing.assert_close((state["lstm_h"], state["lstm_c"]), reference.get_memory()[0])
    assert (zeros == 0).all()


def test_a_state_of_none_is_no_state(policy, batch) -> None:
    agent, reference = policy(), policy()
    state = {"lstm_h": None, "lstm_c": None}
    for seed in range(2):
        got, expected = agent(batch(3, seed=seed), state), reference(batch(3, seed=seed))
        torch.testing.assert_close(got["values"], expected["values"])
    assert state == {"lstm_h": None, "lstm_c": None}


def test_a_state_of_another_shape_is_named(policy, batch) -> None:
    with pytest.raises(ValueError, match=r"\[L, B, H\] = \[2, 3, 6\], got \[1, 3, 6\]"):
        policy()(batch(3), {"lstm_h": torch.zeros(1, 3, 6), "lstm_c": torch.zeros(1, 3, 6)})
    with pytest.raises(ValueError, match="state has no lstm_c"):
        policy()(batch(3), {"lstm_h": torch.zeros(2, 3, 6), "lstm_c": None})
    with pytest.raises(
        ValueError, match="state has gru_h, but this core's state is called lstm_h and lstm_c"
    ):
        policy()(batch(3), {"gru_h": torch.zeros(2, 3, 6)})


def test_what_else_a_trainer_keeps_beside_the_state_is_left_alone(policy, batch) -> None:
    state = {"reward": torch.zeros(3), "lstm_h": None, "lstm_c": None}
    torch.testing.assert_close(policy()(batch(3), state)["values"], policy()(batch(3))["values"])
    assert (state["reward"] == 0).all()


# --- the wrapped net ---------------------------------------------------------------------------------------


def test_the_net_is_called_by_its_own_signature(policy, net, batch) -> None:
    seen = {}

    class Full(net):
        def encode_observations(self, observations: Tensor, state=None) -> Tensor:
            seen["state"], seen["observations"] = state, observations
            return super().encode_observations(observations).unsqueeze(1)

        def decode_actions(self, hidden: Tensor, batch_size: int):
            seen["batch_size"] = batch_size
            logits, value = super().decode_actions(hidden)
            return logits, value.squeeze(-1)

    class WithOption(net):
        def decode_actions(self, hidden: Tensor, concat: bool = True):
            assert concat is True
            return super().decode_actions(hidden)

    agent = policy(Full)
    td = batch(3, 2)
    out = agent(td, action=actions(3, 2))
    assert seen["batch_size"] == 6
    assert torch.equal(seen["observations"], td["env_obs"].flatten(0, 1))
    assert seen["state"]["lstm_h"].shape == seen["state"]["lstm_c"].shape == (2, 3, 6)
    state = {"lstm_h": None, "lstm_c": None, "mine": 1}
    agent(batch(3), state)
    assert seen["state"] is state
    torch.testing.assert_close(out["value"], policy()(td, action=actions(3, 2))["value"])
    policy(WithOption)(batch(3))


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        (
            "encode_observations",
            torch.zeros(3, 4),
            r"encode_observations must return .*\[3, 5\], got \[3, 4\]",
        ),
        ("encode_observations", torch.zeros(5, 3), r"got \[5, 3\]"),
        ("decode_actions", ([torch.zeros(3, 3)], torch.zeros(3)), "one tensor of logits .* got a list"),
        ("decode_actions", (torch.zeros(3, 7), torch.zeros(2)), r"N=3, got \[3, 7\] and \[2\]"),
        ("decode_actions", (torch.zeros(3, 1, 7), torch.zeros(3)), r"got \[3, 1, 7\]"),
        ("decode_actions", (torch.zeros(3, 8), torch.zeros(3)), "8 logits for 7 actions"),
        ("decode_actions", torch.zeros(3, 7), r"got \[3, 7\] and a NoneType"),
        ("encode_observations", torch.zeros(3, 5).long(), r"floats .* got \[3, 5\] of torch.int64"),
        ("encode_observations", (torch.zeros(3, 5), None), "got a tuple"),
    ],
)
def test_what_the_net_returns_is_checked(method: str, result, message: str, policy, net, batch) -> None:
    wrapped = type("Odd", (net,), {method: lambda self, rows: result})()
    with pytest.raises(ValueError, match=message):
        policy(wrapped)(batch(3))


def test_fewer_logits_than_actions_run_with_one_warning(policy, net, batch) -> None:
    agent = policy(net(5))
    with pytest.warns(UserWarning, match="5 logits for 7 joint actions.*PF510"):
        td = agent(batch(200))
    assert td["full_log_probs"].shape == (200, 5)
    assert agent._convert_action_to_logit_index(td["actions"]).max() == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = agent(batch(1, 2), action=torch.tensor([[[2, 1], [2, 3]]]))
    assert out["act_log_prob"][0, 0].isfinite()
    assert out["act_log_prob"][0, 1] == -torch.inf


# --- actions -----------------------------------------------------------------------------------------------


def test_the_trainer_may_set_the_tables(policy, env, batch) -> None:
    agent = policy(env=env(max_action_args=None))
    with pytest.raises(RuntimeError, match=r"policy.action_index_tensor is not set.*activate_actions"):
        agent(batch(2))
    with pytest.raises(RuntimeError, match=r"policy.cum_action_max_params is not set"):
        agent(batch(2, 2), action=actions(2, 2))
    expected = policy()
    agent.action_index_tensor = expected.action_index_tensor.clone()
    agent.cum_action_max_params = expected.cum_action_max_params.clone()
    index = torch.arange(7)
    assert torch.equal(
        agent._convert_action_to_logit_index(agent._convert_logit_index_to_action(index)), index
    )
    assert agent(batch(2))["actions"].shape == (2, 2)
    assert not {"action_index_tensor", "cum_action_max_params"} & set(agent.state_dict())


def test_discrete_actions_are_their_own_index(policy, env, net, batch) -> None:
    discrete = type("Discrete", (), {"n": 5})()
    agent = policy(net(5), env=env(single_action_space=discrete))
    td = agent(batch(3))
    assert td["actions"].dtype == torch.int32
    assert td["actions"].shape == (3,)
    assert torch.equal(td["act_log_prob"], td["full_log_probs"][torch.arange(3), td["actions"].long()])
    given = torch.tensor([[0, 1], [2, 3], [4, 0]])
    out = agent(batch(3, 2), action=given)
    assert torch.equal(out["act_log_prob"], out["full_log_probs"].gather(-1, given[..., None]).squeeze(-1))
    for same in (given.flatten(), given[..., None], given.int()):
        assert torch.equal(agent(batch(3, 2), action=same)["act_log_prob"], out["act_log_prob"])
    for wrong in (5, -1):
        with pytest.raises(ValueError, match=rf"action {wrong} of row 4 does not exist: actions are 0 to 4"):
            agent(batch(3, 2), action=given.flatten().index_fill(0, torch.tensor(4), wrong))
    with pytest.raises(ValueError, match=r"\[3, 2\] or \[6\]"):
        agent(batch(3, 2), action=actions(3, 2))


def test_activation_reaches_a_net_that_wants_it(policy, net) -> None:
    names = []

    class Embedding(net):
        def activate_action_embeddings(self, full_action_names: list[str], device: str) -> None:
            names.append((full_action_names, device))

    policy(Embedding()).activate_action_embeddings(["move_0"], "cpu")
    policy().activate_action_embeddings(["move_0"], "cpu")
    assert names == [(["move_0"], "cpu")]


# --- construction ------------------------------------------------------------------------------------------


def test_construction_keeps_the_net_and_initialises_the_core(policy, net) -> None:
    wrapped = net()
    before = copy.deepcopy(wrapped.state_dict())
    agent = policy(wrapped)
    assert agent.policy is wrapped
    assert all(torch.equal(before[name], value) for name, value in wrapped.state_dict().items())
    assert [agent.hidden_size, agent.input_size, agent.num_layers, agent.obs_shape] == [6, 5, 2, (4, 3)]
    assert [agent.clip_range, agent.analyze_weights_interval, agent.is_continuous] == [0.0, 300, False]
    for name, parameter in agent.lstm.named_parameters():
        if "bias" in name:
            assert (parameter == 1).all()
        else:
            torch.testing.assert_close(
                parameter.T @ parameter, torch.eye(parameter.shape[1]), atol=1e-5, rtol=0
            )


@pytest.mark.parametrize(
    "config",
    [
        {"clip_range": -0.1},
        {"clip_range": float("nan")},
        {"clip_range": "1e-3"},  # as YAML reads 1e-3
        {"analyze_weights_interval": None},
        {"num_layers": 0},
        {"input_size": 0},
        {"hidden_size": -3},
        {"hidden_size": 2.5},
        {"analyze_weights_interval": -1},
        {"memory_slots": 0},
    ],
)
def test_impossible_values_are_refused_by_name(config, policy) -> None:
    with pytest.raises(ValueError, match=next(iter(config))):
        policy(**config)


def test_unread_config_is_named_once_with_the_nearest_known_key(env, net) -> None:
    class Migrated(RecurrentPolicy):
        def __init__(self, env, cnn_channels: int = 8, **kwargs) -> None:
            super().__init__(env, net(), 5, 6, **kwargs)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        agent = Migrated(env(), clip_rang=3, cnn_chanels=1, clip_range=0.25, observations={})
    assert [warning.category for warning in caught] == [UserWarning]
    message = str(caught[0].message)
    assert "'clip_rang' (did you mean 'clip_range'?)" in message
    assert "'cnn_chanels' (did you mean 'cnn_channels'?)" in message
    assert "'observations'" in message
    assert "agent = Migrated(" in linecache.getline(caught[0].filename, caught[0].lineno)
    assert agent.clip_range == 0.25
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Migrated(env(), clip_range=0.25, num_layers=1, memory_slots=3)


def test_unsupported_nets_and_spaces_are_refused(policy, env, net) -> None:
    wrapped = net()
    wrapped.is_continuous = True
    with pytest.raises(ValueError, match="continuous"):
        policy(wrapped)
    with pytest.raises(ValueError, match="got a Linear without encode_observations and decode_actions"):
        policy(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="single_observation_space"):
        policy(env=env(single_observation_space=None))
    with pytest.raises(ValueError, match=r"single_action_space must be .*got a Box"):
        policy(env=env(single_action_space=type("Box", (), {"shape": (2,)})()))
    with pytest.raises(ValueError, match="actions of 3 dimensions are not supported"):
        policy(env=env(single_action_space=type("Three", (), {"nvec": (2, 2, 2)})()))


# --- weights, checkpoints, memory --------------------------------------------------------------------------


def test_checkpoints_of_the_old_wrapper_load_strictly_wherever_the_policy_stands(policy) -> None:
    source, target = policy(seed=1, num_layers=1), nn.ModuleDict({"agent": policy(seed=2, num_layers=1)})
    old = source.state_dict()
    assert {name.partition(".")[0] for name in old} == {"policy", "lstm", "_initial_weights"}
    old = {name: value for name, value in old.items() if not name.startswith("_initial_weights")}
    old |= {
        f"cell.{name}": old[f"lstm.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    count = len(old)
    target["agent"].load_state_dict(old, strict=True)
    target.load_state_dict({f"agent.{name}": value for name, value in old.items()}, strict=True)
    assert len(old) == count
    loaded = target["agent"].state_dict()
    for name in source.policy.state_dict(prefix="policy.") | source.lstm.state_dict(prefix="lstm."):
        assert torch.equal(old[name], loaded[name])
    assert target["agent"].l2_init_loss() == 0
    with pytest.raises(RuntimeError, match=r"cell\.other"):
        policy(num_layers=1).load_state_dict(old | {"cell.other": torch.zeros(1)})


def test_clipping_and_regularisation_follow_the_configuration(policy) -> None:
    agent = policy(clip_range=0.05)
    assert agent.l2_init_loss() == 0
    agent.clip_weights()
    assert agent.policy.encoder.weight.abs().max() == 0.05
    assert agent.lstm.weight_ih_l0.abs().max() > 0.05
    loss = agent.l2_init_loss()
    loss.backward()
    assert loss > 0
    assert agent.policy.encoder.weight.grad.abs().max() > 0
    agent.update_l2_init_weight_copy()
    assert agent.l2_init_loss() == 0
    off = policy()
    before = copy.deepcopy(off.state_dict())
    off.clip_weights()
    assert all(torch.equal(before[name], value) for name, value in off.state_dict().items())
    assert {record["name"] for record in off.compute_weight_metrics()} == {
        "policy.encoder.weight",
        "policy.actor.weight",
        "policy.critic.weight",
    }


def test_the_distance_to_the_initial_weights_goes_on_after_a_checkpoint(policy) -> None:
    agent = policy(seed=1)
    with torch.no_grad():
        agent.policy.encoder.weight += 1
    expected = agent.l2_init_loss()
    other = policy(seed=2)
    other.load_state_dict(agent.state_dict(), strict=True)
    assert expected > 1
    assert torch.equal(other.l2_init_loss(), expected)


def test_weights_may_be_clipped_by_their_layers_own_size(policy) -> None:
    agent = policy(clip_range=0.5, clip_strategy="per_layer")
    layers = {name: layer for name, layer in agent.named_modules() if isinstance(layer, nn.Linear)}
    largest = {name: layer.weight.abs().max().item() for name, layer in layers.items()}
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.mul_(10)
    biases = {name: layer.bias.clone() for name, layer in layers.items()}
    agent.clip_weights()
    for name, layer in layers.items():
        assert layer.weight.abs().max().item() == pytest.approx(largest[name] / 2)
        assert torch.equal(layer.bias, biases[name])
    resumed = policy(seed=5, clip_range=0.5, clip_strategy="per_layer")
    resumed.load_state_dict(agent.state_dict(), strict=True)
    resumed.clip_weights()
    for name, parameter in resumed.named_parameters():
        assert torch.equal(parameter, agent.get_parameter(name))
    with pytest.raises(ValueError, match="'uniform' or 'per_layer', got 'per_epoch'"):
        policy(clip_strategy="per_epoch")


def test_weights_are_analysed_once_in_an_interval(policy) -> None:
    agent = policy(analyze_weights_interval=3)
    assert [bool(agent.compute_weight_metrics(epoch=epoch)) for epoch in range(5)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert agent.compute_weight_metrics()
    assert policy(analyze_weights_interval=0).compute_weight_metrics(epoch=0) == []


def test_memory_round_trips_through_a_snapshot(policy, batch) -> None:
    agent = policy()
    for seed, group in enumerate((3, 3, 1_000_000)):
        agent(batch(4, seed=seed, training_env_id_start=torch.full((4,), group)))
    assert agent.has_memory()
    snapshot = agent.get_memory()
    assert set(snapshot) == {3, 1_000_000}
    other = policy()
    other.set_memory(snapshot)
    for state in snapshot.values():
        state[0].zero_()
    for group, state in agent.get_memory().items():
        torch.testing.assert_close(other.get_memory()[group], state, atol=0, rtol=0)
    agent.reset_env_memory(3)
    assert set(agent.get_memory()) == {1_000_000}
    agent.reset_memory()
    assert agent.get_memory() == {}


def test_copies_and_pickles_of_a_policy_start_without_state(policy, batch) -> None:
    agent = policy()
    agent(batch(4))
    saved = io.BytesIO()
    torch.save(agent, saved)
    saved.seek(0)
    restored = [
        copy.deepcopy(agent),
        torch.load(saved, weights_only=False),
        pickle.loads(pickle.dumps(agent)),
    ]
    expected = policy()(batch(7))["values"]
    for one in restored:
        torch.testing.assert_close(one(batch(7))["values"], expected)
    assert set(agent.get_memory()) == {0}


# --- stamps for hand-written forwards ----------------------------------------------------------------------


@pytest.mark.parametrize(("batch_size", "bptt", "rows"), [([4], 1, 4), ([4, 3], 3, 4), ([4, 1], 1, 4)])
def test_stamps_have_one_entry_per_row(batch_size: list[int], bptt: int, rows: int) -> None:
    td = TensorDict({"env_obs": torch.zeros(*batch_size, 2)}, batch_size=batch_size)
    write_stamps(td)
    assert torch.equal(td["bptt"], torch.full(batch_size, bptt))
    assert torch.equal(td["batch"], torch.full(batch_size, rows))
    assert td["bptt"].dtype == td["batch"].dtype == torch.int64


def test_stamps_follow_the_device_of_the_entries_and_refuse_other_batches() -> None:
    td = TensorDict({"env_obs": torch.zeros(2, 1, device="meta")}, batch_size=[2])
    write_stamps(td)
    assert td["bptt"].device.type == "meta"
    with pytest.raises(ValueError, match=r"\[B\] or \[B, T\], got \[2, 3, 4\]"):
        write_stamps(TensorDict({}, batch_size=[2, 3, 4]))

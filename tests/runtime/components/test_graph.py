"""What a config may say, and what happens when it says something else."""

import pickle
from typing import Any

import pytest
import torch

from policyfix.runtime.components import ComponentPolicy, read_config

LSTM = "any.module.LSTM"


def test_every_config_of_ours_runs_in_both_modes(config, tokens_env, tokens_batch, component_policy) -> None:
    env = tokens_env()
    for mode in ("sound", "reference"):
        policy = component_policy(env, config, mode=mode)
        clean = tokens_batch(4, env=env)
        clean["env_obs"][clean["env_obs"][..., 0] != 255, 0] = 0x55
        clean["env_obs"][..., 1].clamp_(max=5)
        td = policy(clean)
        assert td["full_log_probs"].shape == (4, 7)
        assert td["full_log_probs"].isfinite().all()
        assert ("_value_" in td.keys()) is (mode == "reference")  # noqa: SIM118 -- keys of a TensorDict


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("components.cnn1.nonlinearitty", "nn.ReLU",
         "'cnn1': Conv2d has no option 'nonlinearitty' .did you mean 'nonlinearity'.."),
        ("components.fc1.effective_rank", True, "'fc1': Linear has no option 'effective_rank'"),
        ("components.fc1.nn_params.out_feature", 3, "'fc1' .* nn_params does not know 'out_feature'"),
        ("components.fc1.nn_params", {}, "nn_params lacks 'out_features'"),
        ("components.fc1.nonlinearity", "ReLU", "nonlinearity 'ReLU' is not a class of torch.nn"),
        ("components.fc1.initialization", "He", "initialization 'He'"),
        ("components.fc1._target_", "metta.Linaer", r"no known kind \(did you mean 'Linear'\?\)"),
        ("components.fc1.sources", [{"name": "obs_flattner"}],
         r"'fc1' reads 'obs_flattner', .*\(did you mean 'obs_flattener'\?\)"),
        ("components.fc1.sources", [{"name": "encoded_obs"}], "circle: .*fc1 <- encoded_obs"),
        ("components.fc1.sources", ["obs_flattener"], "must be a list of {name: ...}"),
        ("components.encoded_obs.sources", [{"name": "fc1"}] * 2, "'encoded_obs' .* needs one source, got 2"),
        ("components.actor_1.sources", [{"name": "cnn2"}], "'actor_1' .* needs a source of 1 dimension, got"),
        ("components.spare", {"_target_": "Flatten", "sources": [{"name": "cnn1"}]},
         r"depends on the components \['spare'\]"),
        ("components.fc1._target_", LSTM, "exactly one LSTM, it has 2"),
        ("components._action_.sources", [{"name": "_action_embeds_"}, {"name": "actor_1"}],
         "'_action_' .* needs two sources"),
        ("components.cnn1.nn_params.kernel_size", 4, "does not fit a side of 11"),
        ("clip_rang", 0.1, "unknown keys: clip_rang"),
        ("observations.key", "x", "unknown keys: observations.key"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_config_is_named(path: str, value: Any, message: str, fast, tokens_env) -> None:
    *parents, key = path.split(".")
    place = fast
    for parent in parents:
        place = place[parent]
    place[key] = value
    if value == LSTM:
        place["nn_params"] = {"hidden_size": 4}
    with pytest.raises(ValueError, match=message):
        ComponentPolicy(tokens_env(), **fast)


@pytest.mark.parametrize("head", ["_value_", "_action_"])
def test_both_heads_must_be_there(head: str, fast, tokens_env) -> None:
    del fast["components"][head]
    with pytest.raises(ValueError, match=f"the policy needs '{head}'"):
        ComponentPolicy(tokens_env(), **fast)


def test_the_reference_mode_drops_unknown_options(fast, tokens_env) -> None:
    fast["components"]["fc1"]["effective_rank"] = True
    fast["trainer_note"] = 1
    assert ComponentPolicy(tokens_env(), mode="reference", **fast).policy["fc1"].out_shape == (128,)


def test_a_name_that_comes_twice_is_refused(tmp_path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("components:\n  fc1: {}\n  fc1: {}\n")
    with pytest.raises(ValueError, match="fc1 twice"):
        read_config(path)


def test_a_head_may_read_past_the_core(fast, tokens_env, tokens_batch, component_policy) -> None:
    env = tokens_env()
    fast["components"]["critic_1"]["sources"] = [{"name": "encoded_obs"}]
    policy = component_policy(env, fast)
    hidden, feature = torch.zeros(3, 128), torch.rand(3, 128)
    policy.policy.outputs = {"encoded_obs": feature}
    _, value = policy.policy.decode_actions(hidden)
    expected = policy.policy["_value_"](policy.policy["critic_1"](feature))
    assert torch.equal(value, expected)
    policy(tokens_batch(3, env=env))
    assert policy.policy.outputs == {}  # nothing of a forward is kept


def test_learnt_embeddings_of_places_serve_as_well(tokens_env, tokens_batch, component_policy) -> None:
    env = tokens_env()
    for kind in ("ObsAttrCoordEmbed", "ObsAttrCoordValueEmbed"):
        config = read_config("latent_attn_tiny")
        config["components"]["obs_fourier"] = {
            "_target_": kind, "sources": [{"name": "obs_normalizer"}], "attr_embed_dim": 8,
        }  # fmt: skip
        td = component_policy(env, config)(tokens_batch(3, env=env))
        assert td["full_log_probs"].isfinite().all()


def test_the_big_actor_serves_as_well(fast, tokens_env, tokens_batch, component_policy) -> None:
    env = tokens_env()
    fast["components"]["_action_"] |= {
        "_target_": "MettaActorBig",
        "bilinear_output_dim": 4,
        "mlp_hidden_dim": 8,
    }
    td = component_policy(env, fast)(tokens_batch(3, env=env))
    assert td["full_log_probs"].shape == (3, 7)


def test_a_policy_survives_pickling(fast, tokens_env, tokens_batch, component_policy) -> None:
    env = tokens_env()
    policy = component_policy(env, fast)
    again = pickle.loads(pickle.dumps(policy))
    one, other = policy(tokens_batch(3, env=env)), again(tokens_batch(3, env=env))
    assert torch.equal(one["full_log_probs"], other["full_log_probs"])
    again.clip_range = 0.01
    again.clip_weights()
    assert again.policy["fc1"].layer.weight.abs().max() < policy.policy["fc1"].layer.weight.abs().max()


def test_the_reference_mode_gives_old_outputs_for_a_tensordict_used_twice(
    fast, tokens_env, tokens_batch, component_policy
) -> None:
    env = tokens_env()
    for mode, stale in (("reference", True), ("sound", False)):
        policy = component_policy(env, fast, mode=mode)
        td = tokens_batch(3, env=env)
        td["env_obs"][..., 0].clamp_(min=255)  # padding alone: nothing outside the box
        first = policy(td)["full_log_probs"].clone()
        again = policy(td)["full_log_probs"]
        assert torch.equal(first, again) is stale


def test_losses_and_clips_concern_the_weights_of_layers_only(fast, tokens_env, component_policy) -> None:
    env = tokens_env()
    fast["components"]["fc1"] |= {"clip_scale": 0.5, "l2_init_scale": 3.0}
    fast["components"]["critic_1"]["clip_scale"] = 0.0
    fast["components"]["actor_1"]["initialization"] = "Normal"
    policy = component_policy(env, fast, clip_range=0.1)
    graph = policy.policy
    largest = {
        name: graph[name].layer.weight.abs().max().item() for name in ("fc1", "encoded_obs", "critic_1")
    }
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(1.0)
    layers = [
        graph[name] for name in ("cnn1", "cnn2", "fc1", "encoded_obs", "critic_1", "_value_", "actor_1")
    ]
    expected = sum(layer.layer.weight.numel() * layer.l2_init_scale for layer in layers)
    loss = policy.l2_init_loss()
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    loss.backward()
    assert graph["fc1"].layer.weight.grad.mean().item() == pytest.approx(6.0, rel=1e-4)
    assert policy.lstm.weight_ih_l0.grad is None
    policy.clip_weights()
    assert graph["fc1"].layer.weight.max().item() == pytest.approx(0.05 * largest["fc1"])
    assert graph["encoded_obs"].layer.weight.max().item() == pytest.approx(0.1 * largest["encoded_obs"])
    assert graph["critic_1"].layer.weight.max() > 0.9
    assert graph["actor_1"].layer.weight.max().item() == pytest.approx(0.1 * (2 / 128) ** 0.5)
    assert graph["fc1"].layer.bias.min() == 1.0
    assert policy.lstm.weight_ih_l0.max() > 0.9
    reference = component_policy(env, fast, mode="reference")
    reference.policy["fc1"].layer.weight.data.add_(1.0)
    assert not reference.l2_init_loss().requires_grad
    reference.update_l2_init_weight_copy()
    assert reference.l2_init_loss() > 0
    policy.update_l2_init_weight_copy()
    assert policy.l2_init_loss() == 0

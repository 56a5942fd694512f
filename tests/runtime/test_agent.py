from typing import Any

import pytest
import torch
from torch import nn

from policyfix.runtime.agent import PolicyAgent, build_policy
from policyfix.runtime.checker.environment import Environment
from policyfix.runtime.training.experience import Field

NAMES, MAXIMA = ["wait", "go", "use"], [0, 1, 3]


def features(**ids: int) -> dict[str, dict[str, Any]]:
    return {name: {"id": id_, "normalization": 10.0 + id_} for name, id_ in ids.items()}


class Told(nn.Module):
    """A policy that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.table, self.factors, self.names = None, None, None

    def forward(self, td, state=None, action=None):
        return td, state, action

    def _apply_feature_remapping(self, table):
        self.table = table

    def update_normalization_factors(self, features, mapping):
        self.factors = {mapping.get(name): f["normalization"] for name, f in features.items()}

    def activate_action_embeddings(self, names, device):
        self.names = names

    def clip_weights(self):
        self.layer.weight.data.clamp_(-0.1, 0.1)


@pytest.fixture
def told(env) -> PolicyAgent:
    return PolicyAgent(env(), {"clip_range": 0.1}, Told())


def translated(agent: PolicyAgent) -> dict[int, int]:
    """What the table changes, unknown features aside."""
    table = agent.policy.table.tolist()
    return {feature: known for feature, known in enumerate(table) if known not in (feature, 255)}


def test_actions_reach_the_policy_and_stay_out_of_checkpoints(told) -> None:
    before = set(told.state_dict())
    told.activate_actions(NAMES, MAXIMA)
    assert told.policy.names == ["wait_0", "go_0", "go_1", "use_0", "use_1", "use_2", "use_3"]
    assert told.policy.cum_action_max_params.tolist() == [0, 0, 1, 4]
    assert told.policy.action_index_tensor.tolist()[3] == [2, 0]
    assert set(told.state_dict()) == before
    assert told.to("meta").policy.action_index_tensor.device.type == "meta"
    with pytest.raises(ValueError, match="2 action names for 3 maxima"):
        told.activate_actions(NAMES[:2], MAXIMA)


def test_without_converters_of_its_own_the_index_is_that_of_the_table(told) -> None:
    told.activate_actions(NAMES, MAXIMA)
    index = torch.arange(7)
    assert torch.equal(told._convert_action_to_logit_index(told._convert_logit_index_to_action(index)), index)


def test_known_features_keep_the_ids_that_the_policy_learnt(told) -> None:
    told.eval()
    told.activate_observations(features(wall=0, agent=1, altar=2))
    assert told.policy.table is None
    told.activate_observations(features(agent=0, wall=1, altar=2, mine=3))
    assert told.policy.table[:4].tolist() == [1, 0, 2, 255]
    assert told.policy.table[4:].eq(255).all()
    assert told.policy.factors == {1: 10.0, 0: 11.0, 2: 12.0, None: 13.0}
    told.activate_observations(features(wall=0, agent=1, altar=2))  # back again
    assert torch.equal(told.policy.table, torch.arange(256, dtype=torch.uint8))


def test_the_reference_keeps_the_last_translation(env) -> None:
    agent = PolicyAgent(env(), {}, Told(), mode="reference").eval()
    for ids in ({"wall": 0, "agent": 1}, {"agent": 0, "wall": 1}, {"wall": 0, "agent": 1}):
        agent.activate_observations(features(**ids))
    assert translated(agent) == {0: 1, 1: 0}


@pytest.mark.parametrize(("mode", "known"), [("sound", 2), ("reference", 1)])
def test_a_new_feature_gets_an_id_of_its_own(env, mode: str, known: int) -> None:
    agent = PolicyAgent(env(), {}, Told(), mode=mode).train()
    agent.activate_observations(features(wall=0, agent=1))
    agent.activate_observations(features(wall=0, mine=1, agent=2))
    assert agent.get_original_feature_mapping() == {"wall": 0, "agent": 1, "mine": known}
    assert agent.policy.table[:3].tolist() == [0, known, 1]


def test_a_mapping_from_a_checkpoint_is_taken_up_at_the_first_environment(told) -> None:
    mapping = {"agent": 0, "wall": 1}
    told.restore_original_feature_mapping(mapping)
    told.activate_observations(features(wall=0, agent=1))
    assert translated(told) == {0: 1, 1: 0}
    told.get_original_feature_mapping()["other"] = 7
    assert told.get_original_feature_mapping() == mapping


def test_a_policy_that_cannot_translate_is_not_run_on_wrong_features(env) -> None:
    agent = PolicyAgent(env(), {}, nn.Linear(2, 2)).eval()
    agent.activate_observations(features(wall=0, agent=1))
    agent.activate_observations(features(wall=0, agent=1))
    with pytest.raises(
        RuntimeError, match="Linear cannot translate them: it has no _apply_feature_remapping"
    ):
        agent.activate_observations(features(agent=0, wall=1))


def test_what_a_policy_lacks_has_a_harmless_default(env) -> None:
    agent = PolicyAgent(env(), {}, nn.Linear(2, 3))
    agent.reset_memory()
    agent.reset_env_memory(0)
    agent.clip_weights()
    agent.set_memory({})
    assert not agent.has_memory()
    assert agent.get_memory() == {}
    assert agent.l2_init_loss() == 0
    assert agent.compute_weight_metrics() == []
    assert agent.lstm is None
    assert agent.total_params == 9
    with pytest.raises(ValueError, match="Linear keeps no memory"):
        agent.set_memory({0: 1})
    with pytest.raises(ValueError, match=r"Linear has no clip_weights\(\)"):
        PolicyAgent(env(), {"clip_range": 0.1}, nn.Linear(2, 3))


def test_everything_reaches_a_recurrent_policy(env, policy, batch) -> None:
    agent = PolicyAgent(env(), {"clip_range": 0.05}, policy(clip_range=0.05))
    agent(batch(3))
    assert agent.has_memory()
    memory = agent.get_memory()
    agent.reset_memory()
    assert agent.get_memory() == {}
    agent.set_memory(memory)
    torch.testing.assert_close(agent.get_memory(), memory)
    agent.reset_env_memory(0)
    assert agent.get_memory() == {}
    agent.clip_weights()
    assert agent.policy.policy.actor.weight.abs().max() <= 0.05
    assert agent.l2_init_loss() > 0
    agent.update_l2_init_weight_copy()
    assert agent.l2_init_loss() == 0
    assert agent.lstm is agent.policy.lstm
    assert agent.get_agent_experience_spec() == {"env_obs": Field((4, 3), torch.uint8)}
    out = agent(batch(3, 2), action=torch.zeros(3, 2, 2, dtype=torch.int32))
    assert out["act_log_prob"].shape == (3, 2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"agent_type": "fats"}, r"unknown agent_type 'fats' \(did you mean 'fast'"),
        ({"agent_type": "fast.py"}, "did you mean 'fast'"),
        ({"clip_range": 0.1}, "neither an agent_type nor components"),
        ({"agent_type": "fast", "clip_rang": 0.1}, r"Fast takes no 'clip_rang' \(did you mean 'clip_range'"),
    ],
)
def test_a_wrong_config_is_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_policy(Environment(), config)


@pytest.mark.parametrize(
    "kind", ["example", "fast", "latent_attn_tiny", "latent_attn_small", "latent_attn_med"]
)
def test_a_config_builds_the_policy_it_names(kind: str) -> None:
    environment = Environment()
    config = {
        "agent_type": kind, "_target_": "any", "clip_range": 0.07, "analyze_weights_interval": 5,
        "observations": {"obs_key": "grid_obs"},
    }  # fmt: skip
    agent = PolicyAgent(environment, config)
    agent.initialize_to_environment(
        environment.get_observation_features(), environment.action_names, environment.max_action_args
    )
    assert type(agent.policy).__name__.lower() == kind.replace("_", "")
    assert (agent.policy.clip_range, agent.policy.analyze_weights_interval) == (0.07, 5)
    loose = {**config, "no_such_key": 1}
    assert PolicyAgent(environment, loose, mode="reference").policy.clip_range == 0.07


def test_a_graph_is_built_from_its_components() -> None:
    from policyfix.runtime.components.policy import read_config

    agent = PolicyAgent(Environment(), read_config("fast"))
    assert agent.total_params == 573_378
    with pytest.raises(ValueError, match="clip_rang"):
        PolicyAgent(Environment(), {**read_config("fast"), "clip_rang": 1.0})

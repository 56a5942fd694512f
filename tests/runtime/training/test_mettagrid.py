import pytest
import torch

from policyfix.runtime.agent import PolicyAgent
from policyfix.runtime.training.trainer import PPOConfig, Trainer

pytest.importorskip("mettagrid.simulator", exc_type=ImportError)

from policyfix.runtime.training.mettagrid import MettaGrid


def completion(observations: torch.Tensor, feature: int) -> list[int]:
    """How much of the episode is over, of each agent: 255 at its end."""
    is_it = (observations[..., 0] == 0xFE) & (observations[..., 1] == feature)
    return (observations[..., 2] * is_it).amax(1).tolist()


@pytest.mark.parametrize("alignment", ["first", "last"])
def test_the_end_of_an_episode_stands_where_the_alignment_says(alignment: str) -> None:
    env = MettaGrid(agents=4, max_steps=5, alignment=alignment)
    feature = int(env.get_observation_features()["episode_completion_pct"]["id"])
    progress, ends = [], []
    for _ in range(8):
        step = env.recv()
        assert step.observations.shape == (4, 200, 3)
        progress.append(completion(step.observations, feature)[0])
        ends.append(bool((step.dones | step.truncateds).all()))
        env.send(torch.zeros(4, dtype=torch.int32))
    env.close()
    assert ends.index(True) == 5
    at_the_end, after = progress[5:7]
    if alignment == "first":
        assert at_the_end == progress[0] < after
    else:
        assert after == progress[0] < progress[4] < at_the_end
    assert ends[6] is False


@pytest.mark.parametrize("alignment", ["first", "last"])
def test_a_policy_trains_and_training_sees_its_own_log_probs(alignment: str) -> None:
    torch.manual_seed(0)
    env = MettaGrid(agents=4, simulations=2, max_steps=7, alignment=alignment)
    agent = PolicyAgent(env, {"agent_type": "fast", "clip_range": 0.5})
    agent.initialize_to_environment(env.get_observation_features(), env.action_names, env.max_action_args)
    config = PPOConfig(
        batch_size=8 * 16, minibatch_size=8 * 16, horizon=8, learning_rate=0.0, alignment=alignment
    )
    for statistics in Trainer(agent, env, config).run(2):
        assert abs(statistics["approx_kl"]) < 1e-6
    Trainer(agent, env, PPOConfig(batch_size=128, minibatch_size=64, horizon=8, alignment=alignment)).run(1)
    env.close()

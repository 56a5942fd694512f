import pytest
import torch

from policyfix.runtime.training.memory_task import CueRecall
from policyfix.runtime.training.optimizer import build_optimizer
from policyfix.runtime.training.trainer import PPOConfig, Trainer, evaluate

QUICK = PPOConfig(
    batch_size=1024, minibatch_size=256, horizon=8, update_epochs=2, learning_rate=2e-2, gamma=0.9,
    gae_lambda=0.9, ent_coef=0.005, clip_coef=0.2, vf_clip_coef=0.2,
)  # fmt: skip


def forget(policy) -> None:
    """Shut the forget gates for good, and hide the last output: a core of the same size without memory."""
    with torch.no_grad():
        policy.lstm.weight_hh_l0.requires_grad_(False).zero_()
        policy.lstm.bias_hh_l0[16:32] = -60.0  # gates i, f, g, o: what is kept is below 1e-25


@pytest.mark.parametrize("remembers", [True, False])
def test_memory_solves_it_and_nothing_else_does(remembers: bool, agent, task) -> None:
    env = task(agents=64)
    policy = agent(env)
    if not remembers:
        forget(policy)
    Trainer(policy, env, QUICK).run(16)
    score = evaluate(policy, task(agents=64, seed=1), 100)["reward_per_episode"]
    if remembers:
        assert score > 0.9
    else:
        assert score < 0.45  # one of three cues, and the luck of a thousand episodes


def test_the_best_policy_earns_one_and_a_constant_answer_its_share() -> None:
    env = CueRecall(agents=30, cues=5, delay=(1, 4), groups=3, seed=3)
    known = torch.zeros(30, dtype=torch.int64)
    right, ends, constant = 0.0, 0.0, 0.0
    for _ in range(300):
        step = env.recv()
        feature = step.observations[:, 0, 1].long()
        known[step.agents] = torch.where(feature < 5, feature, known[step.agents])
        answer = known[step.agents]
        constant += float(((feature == 5) & (answer == 2)).sum())
        env.send(torch.stack([torch.ones_like(answer), answer], dim=-1).int())
        right, ends = right + float(step.rewards.sum()), ends + float(step.dones.sum())
    assert right == ends > 300
    assert abs(constant / ends - 1 / 5) < 0.06


def test_waiting_answering_too_early_and_answering_wrongly_earn_nothing() -> None:
    env = CueRecall(agents=1, cues=2, delay=(2, 2))
    cue = int(env.recv().observations[0, 0, 1])
    for action in ([1, cue], [1, cue]):  # at the cue, and in between
        env.send(torch.tensor([action], dtype=torch.int32))
        assert env.recv().rewards == 0
    env.send(torch.tensor([[1, 1 - cue]], dtype=torch.int32))
    step = env.recv()
    assert step.rewards == 0
    assert step.dones


def test_it_goes_on_from_its_state_exactly() -> None:
    env, other = CueRecall(agents=6, seed=1), CueRecall(agents=6, seed=2)

    def play(task) -> list[torch.Tensor]:
        steps = []
        for _ in range(20):
            steps.append(task.recv())
            task.send(torch.ones(6, 2, dtype=torch.int32))
        return [part for step in steps for part in step[:4]]

    play(env)
    other.load_state_dict(env.state_dict())
    torch.testing.assert_close(play(other), play(env), rtol=0, atol=0)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="3 groups of 8 agents"):
        CueRecall(agents=8, groups=3)
    with pytest.raises(ValueError, match="fewest"):
        CueRecall(delay=(3, 2))


def test_muon_takes_the_matrices_and_adam_the_rest(agent, task) -> None:
    policy = agent(task())
    policy.table = torch.nn.Embedding(4, 3)
    muon, adam = build_optimizer(policy, "muon").optimizers
    shapes = [tuple(p.shape) for p in muon.param_groups[0]["params"]]
    assert shapes == [(16, 8), (4, 16), (64, 16), (64, 16)]  # encoder, actor, both of the core
    rest = [tuple(p.shape) for p in adam.param_groups[0]["params"]]
    assert (1, 16) in rest  # the critic's single output
    assert (4, 3) in rest  # embeddings
    assert len(shapes) + len(rest) == len(list(policy.parameters()))
    with pytest.raises(ValueError, match='"adam" or "muon", got \'sgd\''):
        build_optimizer(policy, "sgd")


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_optimizers_fit_a_matrix(kind: str) -> None:
    torch.manual_seed(0)
    net, target, inputs = torch.nn.Linear(6, 5), torch.nn.Linear(6, 5), torch.randn(64, 6)
    optimizer = build_optimizer(net, kind, learning_rate=0.03)
    losses = []
    for _ in range(150):
        loss = (net(inputs) - target(inputs).detach()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]

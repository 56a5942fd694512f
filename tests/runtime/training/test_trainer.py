from dataclasses import replace

import pytest
import torch
from elsewhere import ELSEWHERE, devices, moved
from waits import Waits

from policyfix.runtime import MaskedGRU, PolicyAgent
from policyfix.runtime.modes import SOUND
from policyfix.runtime.training import trainer
from policyfix.runtime.training.environment import Step
from policyfix.runtime.training.trainer import PPOConfig, Trainer, evaluate

SMALL = PPOConfig(batch_size=8 * 12, minibatch_size=48, horizon=6, learning_rate=1e-2)


class FlagsWithTheLast:
    """The memory task as an environment that flags an episode's own last observation (NEXT_STEP).

    That observation repeats the question, and hides the next episode's cue: good for no more than flags.
    """

    def __init__(self, task) -> None:
        self.task = task
        self.single_observation_space, self.single_action_space = (
            task.single_observation_space,
            task.single_action_space,
        )
        self.num_agents, self.max_action_args = task.num_agents, task.max_action_args
        self.last = {}  # of each group: its last observations

    def recv(self) -> Step:
        step = self.task.recv()
        before = self.last.get(step.agents.start, step.observations)
        self.last[step.agents.start] = step.observations
        return step._replace(observations=torch.where(step.dones[:, None, None], before, step.observations))

    def send(self, actions) -> None:
        self.task.send(actions)


def test_calls_come_in_the_order_of_the_contract(agent, task, monkeypatch) -> None:
    env = task()
    policy = agent(env, clip_range=0.05)
    trainer = Trainer(policy, env, SMALL)
    calls = []

    def record(owner, name):
        method = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *args, **kwargs: (calls.append(name), method(*args, **kwargs))[1]
        )

    for owner, name in (
        (policy, "reset_memory"), (policy, "clip_weights"), (policy, "forward"), (trainer.optimizer, "step"),
        (trainer.optimizer, "zero_grad"), (torch.nn.utils, "clip_grad_norm_"), (torch.Tensor, "backward"),
    ):  # fmt: skip
        record(owner, name)
    trainer.run(1)
    update = ["reset_memory", "forward", "zero_grad", "backward", "clip_grad_norm_", "step", "clip_weights"]
    assert calls == ["reset_memory", *["forward"] * 24, *update, *update]


@pytest.mark.parametrize("alignment", ["first", "last"])
def test_training_sees_the_log_probs_of_the_rollout(agent, task, alignment: str) -> None:
    """Episodes end inside segments, segments begin inside episodes, and rollouts go on from the last one."""
    config = replace(SMALL, learning_rate=0.0, minibatch_size=SMALL.batch_size, alignment=alignment)

    def kl(mode) -> float:
        env = task()
        env = FlagsWithTheLast(env) if alignment == "last" else env
        statistics = Trainer(agent(env), env, config, mode=mode).run(3)
        return max(abs(update["approx_kl"]) for update in statistics)

    assert kl("sound") < 1e-7
    assert kl(replace(SOUND, training_knows_episodes=False)) > 1e-5
    assert kl(replace(SOUND, segments_start_from_their_state=False)) > 1e-5
    assert kl("reference") > 1e-5


@pytest.mark.parametrize("wrapped", [False, True])
def test_another_core_trains_from_the_states_of_its_rollout(agent, task, wrapped: bool) -> None:
    """Those of a GRU are one tensor, and called otherwise."""
    env = task()
    policy = agent(env, core=MaskedGRU(16, 16))
    config = replace(SMALL, learning_rate=0.0, minibatch_size=SMALL.batch_size)
    trainer = Trainer(PolicyAgent(env, {}, policy) if wrapped else policy, env, config)
    assert max(abs(update["approx_kl"]) for update in trainer.run(3)) < 1e-7
    assert list(trainer.buffer.states) == ["gru_h"]
    assert trainer.buffer.states["gru_h"].any()


def test_a_rollout_goes_on_from_the_state_before_the_update(agent, task) -> None:
    def state_after_one_step(mode) -> torch.Tensor:
        env = task(delay=(20, 20), groups=1)
        policy = agent(env)
        trainer = Trainer(policy, env, replace(SMALL, learning_rate=0.0), mode=mode)
        trainer.run(1)
        first = []
        forward = policy.forward
        policy.forward = lambda td, *rest: (first.append(policy.get_memory()), forward(td, *rest))[1]
        trainer.rollout()
        return first[0]

    assert state_after_one_step("sound")[0][0].abs().max() > 0
    assert state_after_one_step(replace(SOUND, memory_outlives_updates=False)) == {}


def test_gradients_of_an_accumulation_are_the_mean_of_its_minibatches(agent, task) -> None:
    def gradients(window: int, mode) -> list[torch.Tensor]:
        env = task()
        policy = agent(env)
        config = replace(SMALL, learning_rate=0.0, max_grad_norm=1e9, accumulate_minibatches=window)
        trainer = Trainer(policy, env, config, mode=mode)
        torch.manual_seed(1)
        trainer.rollout()
        taken = []
        step = trainer.optimizer.step
        trainer.optimizer.step = lambda: (
            taken.append(torch.cat([p.grad.flatten() for p in policy.parameters()])),
            step(),
        )
        trainer.update()
        return taken

    first, second = gradients(1, "sound")
    (mean,) = gradients(2, "sound")
    torch.testing.assert_close(mean, (first + second) / 2)
    (last,) = gradients(2, replace(SOUND, gradients_accumulate=False))
    torch.testing.assert_close(last, second / 2)


def test_new_values_reach_the_experience(agent, task) -> None:
    def moved(mode) -> bool:
        env = task()
        trainer = Trainer(agent(env), env, replace(SMALL, update_epochs=2), mode=mode)
        trainer.rollout()
        before = trainer.buffer.data["values"].clone()
        trainer.update()
        return not torch.equal(before, trainer.buffer.data["values"])

    assert moved("sound")
    assert not moved("reference")


def test_a_large_kl_ends_the_update(agent, task) -> None:
    env = task()
    policy = agent(env)
    trainer = Trainer(policy, env, replace(SMALL, update_epochs=5, target_kl=-1.0))
    steps = []
    trainer.optimizer.step = lambda: steps.append(1)
    trainer.run(1)
    assert len(steps) == SMALL.minibatches


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("core", ["lstm", "gru"])
def test_an_update_reads_only_its_means_back(core, optimizer: str, agent, task, monkeypatch) -> None:
    env = task()
    learner = agent(env, core=MaskedGRU(16, 16)) if core == "gru" else agent(env)
    read = []
    monkeypatch.setattr(trainer, "float", lambda mean: read.append(mean) or 0.0, raising=False)
    with moved(learner):
        config = replace(SMALL, optimizer=optimizer, l2_init_coef=0.1)
        trained = Trainer(learner, env, config, device=ELSEWHERE)
        with Waits() as waits:
            statistics = trained.update()
    assert len(read) == len(statistics)
    assert not [name for name in waits.seen if "_local_scalar" not in name]  # Adam's step count is the host's
    assert devices(parameter.grad for parameter in learner.parameters()) == {ELSEWHERE}


def test_an_evaluation_leaves_the_memory_as_it_was(agent, task) -> None:
    env = task()
    policy = agent(env)
    Trainer(policy, env, SMALL).rollout()
    before = policy.get_memory()
    result = evaluate(policy, task(seed=5), 40)
    assert 0 <= result["reward_per_episode"] <= 1
    torch.testing.assert_close(policy.get_memory(), before, rtol=0, atol=0)


def test_an_evaluation_knows_where_episodes_begin(agent, task) -> None:
    env = task(groups=1)
    policy = agent(env)
    seen = []
    forward = policy.forward
    policy.forward = lambda td: (seen.append({str(key) for key in td.keys()}), forward(td))[1]  # noqa: SIM118
    evaluate(policy, env, 1)
    evaluate(policy, env, 1, mode="reference")
    assert {"dones", "truncateds", "training_env_id_start"} <= seen[0]
    assert not {"dones", "truncateds", "training_env_id_start"} & seen[1]


def test_an_evaluation_knows_no_other_alignment(agent, task) -> None:
    env = task()
    with pytest.raises(ValueError, match='alignment must be "first" or "last"'):
        evaluate(agent(env), env, 1, alignment="frist")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"minibatch_size": 50}, "multiple of horizon|of minibatch_size 50"),
        ({"horizon": 1}, "horizon must be at least 2"),
        ({"accumulate_minibatches": 3}, "2 minibatches do not divide"),
        ({"minibatch_size": 0}, "minibatch_size must be an integer >= 1, got 0"),
        ({"horizon": 6.0}, "horizon must be an integer"),
        ({"learning_rate": "1e-3"}, "learning_rate must be a number, got '1e-3'"),
        ({"max_grad_norm": None}, "max_grad_norm must be a number"),
        ({"alignment": "frist"}, 'alignment must be "first" or "last", got \'frist\''),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **sizes)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda step: tuple(step), TypeError, r"recv\(\) must return a Step, got a tuple"),
        (
            lambda step: step._replace(observations=step.observations.numpy()),
            TypeError,
            "Step.observations must be a tensor, got a ndarray",
        ),
        (
            lambda step: step._replace(observations=step.observations[1:]),
            ValueError,
            r"Step.observations must be \[8, \*obs_shape\], got \[7, ",
        ),
        (
            lambda step: step._replace(rewards=step.rewards[:, None]),
            ValueError,
            r"rewards must be \[8\], got",
        ),
        (
            lambda step: step._replace(dones=step.dones.float()),
            ValueError,
            r"\[8\] bool, got \[8\] torch.float",
        ),
        (lambda step: step._replace(agents=slice(None)), ValueError, "within 8 agents, got slice"),
        (lambda step: step._replace(agents=slice(8, 16)), ValueError, "within 8 agents, got slice"),
    ],
)
def test_what_an_environment_gives_is_checked(change, error, message: str, agent, task) -> None:
    env = task(groups=1)
    trainer, receive = Trainer(agent(env), env, SMALL), env.recv
    env.recv = lambda: change(receive())
    with pytest.raises(error, match=message):
        trainer.run(1)


def test_a_memory_of_another_form_is_named(agent, task) -> None:
    env = task()
    policy = agent(env)
    policy.get_memory = lambda: {"_core_": ({}, {})}
    policy.set_memory = lambda memory: None
    with pytest.raises(TypeError, match=r"get_memory\(\) must map environment groups"):
        Trainer(policy, env, SMALL).rollout()

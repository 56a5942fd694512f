from dataclasses import replace
from pathlib import Path

import pytest
import torch

from policyfix.runtime import MaskedGRU
from policyfix.runtime.agent import PolicyAgent
from policyfix.runtime.training.checkpoint import load_checkpoint, save_checkpoint
from policyfix.runtime.training.trainer import PPOConfig, Trainer

CONFIG = PPOConfig(
    batch_size=8 * 12, minibatch_size=48, horizon=6, learning_rate=1e-2, prio_alpha=0.5, l2_init_coef=0.01
)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("alignment", ["first", "last"])
def test_a_run_goes_on_as_if_it_had_never_stopped(
    optimizer: str, alignment: str, agent, task, tmp_path: Path
) -> None:
    config = replace(CONFIG, optimizer=optimizer, alignment=alignment)

    def trainer(seed: int) -> Trainer:
        env = task(seed=seed)
        wrapped = PolicyAgent(env, {}, agent(env, seed=seed))
        wrapped.initialize_to_environment(
            env.get_observation_features(), env.action_names, env.max_action_args
        )
        return Trainer(wrapped, env, config)

    whole = trainer(0)
    torch.manual_seed(1)
    whole.run(3)
    save_checkpoint(whole, tmp_path / "run.pt")
    expected = whole.run(3)

    resumed = trainer(7)
    torch.manual_seed(99)
    load_checkpoint(resumed, tmp_path / "run.pt")
    assert resumed.run(3) == expected
    assert (resumed.updates, resumed.steps) == (whole.updates, whole.steps) == (6, 6 * 96)
    for name, tensor in whole.policy.state_dict().items():
        assert torch.equal(resumed.policy.state_dict()[name], tensor), name
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize("core", [lambda: None, lambda: MaskedGRU(16, 16)], ids=["lstm", "gru"])
def test_a_compiled_policy_trains_and_goes_on_uncompiled(core, agent, task, tmp_path: Path) -> None:
    def trainer(compiles: bool) -> Trainer:
        env = task()
        torch.manual_seed(0)
        policy = agent(env, core=core())
        torch._dynamo.reset()
        wrapped = torch.compile(policy, backend="eager", fullgraph=True) if compiles else policy
        return Trainer(wrapped, env, CONFIG)

    compiled, plain = trainer(True), trainer(False)
    torch.manual_seed(0)
    expected = plain.run(1)[0]
    torch.manual_seed(0)
    assert compiled.run(1)[0] == pytest.approx(expected, abs=1e-4)
    save_checkpoint(compiled, tmp_path / "run.pt")
    load_checkpoint(plain, tmp_path / "run.pt")
    assert plain.updates == 1
    torch.testing.assert_close(plain.policy.state_dict(), dict(compiled.policy._orig_mod.state_dict()))


def test_features_are_matched_by_name_in_another_environment(agent, task, tmp_path: Path) -> None:
    env = task()
    first = PolicyAgent(env, {}, agent(env))
    first.initialize_to_environment(env.get_observation_features(), env.action_names, env.max_action_args)
    save_checkpoint(Trainer(first, env, CONFIG), tmp_path / "run.pt")

    other = task()
    features = other.get_observation_features()
    features["cue_0"]["id"], features["question"]["id"] = 3, 0
    other.get_observation_features = lambda: features
    second = PolicyAgent(other, {}, agent(other, seed=5)).eval()
    second.activate_actions(other.action_names, other.max_action_args)
    load_checkpoint(Trainer(second, other, CONFIG), tmp_path / "run.pt")
    assert second.policy._feature_remap[:4].tolist() == [3, 1, 2, 0]


def test_what_is_no_checkpoint_is_refused(agent, task, tmp_path: Path) -> None:
    env = task()
    trainer = Trainer(agent(env), env, CONFIG)
    torch.save({"policy": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt is no checkpoint of a trainer"):
        load_checkpoint(trainer, tmp_path / "other.pt")
    save_checkpoint(trainer, tmp_path / "run.pt")
    content = torch.load(tmp_path / "run.pt", weights_only=True)
    torch.save({**content, "ranks": content["ranks"] * 2}, tmp_path / "two.pt")
    with pytest.raises(ValueError, match="written by 2 ranks, these are 1"):
        load_checkpoint(trainer, tmp_path / "two.pt")

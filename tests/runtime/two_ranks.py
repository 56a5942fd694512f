"""Run by torchrun on two gloo ranks: replicas stay equal to the bit, and every policy method is in reach."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parent / "training"))
from conftest import build_agent, build_task

from policyfix.runtime.agent import PolicyAgent
from policyfix.runtime.distributed import DistributedPolicyAgent, unwrap
from policyfix.runtime.training.trainer import PPOConfig, Trainer

CONFIG = PPOConfig(
    batch_size=8 * 24, minibatch_size=48, horizon=6, update_epochs=2, learning_rate=1e-2, l2_init_coef=0.1
)


def differs(tensors) -> bool:
    """Whether any element differs between the ranks."""
    flat = torch.cat([tensor.detach().flatten().double() for tensor in tensors])
    both = [torch.empty_like(flat) for _ in range(2)]
    dist.all_gather(both, flat)
    return not torch.equal(*both)


def check(unused: bool) -> None:
    """`unused`: the policy has a parameter that no loss depends on."""
    rank = dist.get_rank()
    env = build_task(seed=rank)
    policy = build_agent(env, seed=rank, clip_range=0.3)
    torch.manual_seed(rank)
    if unused:
        policy.register_parameter("spare", torch.nn.Parameter(torch.zeros(3)))
    assert differs(policy.parameters())
    agent = DistributedPolicyAgent(
        PolicyAgent(env, {"clip_range": 0.3}, policy), find_unused_parameters=unused
    )
    assert not differs([*policy.parameters(), *policy.buffers()])

    agent.initialize_to_environment(env.get_observation_features(), env.action_names, env.max_action_args)
    agent.clip_weights()  # what was outside is not counted as a step below
    trainer = Trainer(agent, env, CONFIG)
    steps = []
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda: (step(), steps.append(differs(policy.parameters())))
    trainer.run(3)
    assert len(steps) == 24
    assert not any(steps)
    assert not differs(policy.parameters())
    assert policy.policy.actor.weight.abs().max() <= 0.3
    assert differs([trainer.buffer.data["rewards"]])  # each rank had episodes of its own

    trainer.rollout()
    assert agent.has_memory()
    memory = agent.get_memory()
    assert memory
    agent.reset_memory()
    assert agent.get_memory() == {}
    agent.set_memory(memory)
    torch.testing.assert_close(agent.get_memory(), memory)
    agent.reset_env_memory(0)
    assert 0 not in agent.get_memory()
    agent.update_l2_init_weight_copy()
    assert agent.l2_init_loss() == 0
    assert len(agent.compute_weight_metrics()) == 3
    assert agent.total_params == sum(p.numel() for p in policy.parameters())
    assert agent.get_original_feature_mapping() == {"cue_0": 0, "cue_1": 1, "cue_2": 2, "question": 3}
    assert unwrap(agent).policy is policy
    assert all(name.startswith("module.policy.") for name in agent.state_dict())

    def gradient(accumulate) -> torch.Tensor:
        """Of two minibatches, with the exchange only at the second or at both."""
        agent.zero_grad()
        for number in range(2):
            torch.manual_seed(10 * rank + number)
            with agent.no_sync() if accumulate and number == 0 else torch.enable_grad():
                td = trainer.buffer.data[torch.randint(8, (4,))]
                out = agent(td, None, td["actions"])
                (out["value"].square().mean() + out["act_log_prob"].mean()).backward()
        return policy.policy.critic.weight.grad.clone()

    torch.testing.assert_close(gradient(True), gradient(False))


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    check(unused=False)
    check(unused=True)
    dist.destroy_process_group()
    print("equal", flush=True)

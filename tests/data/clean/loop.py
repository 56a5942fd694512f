"""The style of scripts: rollout, advantages and updates in one function."""

import torch
from tensordict import TensorDict


def generalised_advantages(values, rewards, ended, gamma=0.99, decay=0.95):
    """Advantages `[B, T]`. `ended` is 1 where an episode has ended before the step."""
    advantages = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        going = 1.0 - ended[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * going - values[:, t]
        last = delta + gamma * decay * going * last
        advantages[:, t] = last
    return advantages


def train(policy, optimizer: torch.optim.Optimizer, env, epochs=1, horizon=8, rows=4):
    for _ in range(epochs):
        policy.reset_memory()
        steps = []
        for _ in range(horizon):
            observations, rewards, dones, truncateds, first = env.recv()
            td = TensorDict({"env_obs": observations, "rewards": rewards}, batch_size=[len(rewards)])
            td["dones"] = dones.float()
            td["truncateds"] = truncateds.float()
            td["training_env_id_start"] = torch.full_like(dones, first, dtype=torch.int64)
            with torch.no_grad():
                td = policy(td)
            env.send(td["actions"])
            steps.append(td)
        rollout = torch.stack(steps, dim=1)

        ended = torch.maximum(rollout["dones"], rollout["truncateds"])
        advantages = generalised_advantages(rollout["values"], rollout["rewards"], ended)
        returns = advantages + rollout["values"]
        for minibatch, advantage, target in zip(
            rollout.split(rows), advantages.split(rows), returns.split(rows), strict=True
        ):
            before = minibatch["act_log_prob"]
            policy.reset_memory()
            out = policy(minibatch, action=minibatch["actions"])
            ratio = (out["act_log_prob"] - before).exp()
            gain = torch.minimum(advantage * ratio, advantage * ratio.clamp(0.8, 1.2))
            error = (out["value"].squeeze(-1) - target).square()
            loss = 0.5 * error.mean() - gain.mean() - 0.01 * out["entropy"].mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()

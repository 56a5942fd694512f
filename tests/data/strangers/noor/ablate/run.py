"""One run of a sweep: rollouts and updates of one variant."""

import torch
from torch.nn.utils import clip_grad_norm_

from .build import build_variant


def gae(rewards, values, dones, gamma, lam):
    advantages = torch.zeros_like(rewards)
    last = torch.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 2, -1, -1):
        alive = 1.0 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        last = delta + gamma * lam * alive * last
        advantages[:, t] = last
    return advantages


def collect(policy, vecenv, buffer, device):
    while not buffer.full:
        obs, rewards, dones, truncateds, envs = vecenv.recv()
        td = buffer.blank(envs)
        td["env_obs"] = torch.as_tensor(obs, device=device)
        td["rewards"] = torch.as_tensor(rewards, device=device)
        td["dones"] = torch.as_tensor(dones, device=device).float()
        td["truncateds"] = torch.as_tensor(truncateds, device=device).float()
        td["training_env_id_start"] = torch.full(td.batch_size, envs.start, dtype=torch.int64, device=device)
        with torch.no_grad():
            policy(td)
        buffer.store(td, envs)
        vecenv.send(td["actions"].cpu().numpy())


def run(env, vecenv, buffer, cfg, device="cuda"):
    policy = build_variant(env, cfg).to(device)
    policy.activate_action_embeddings(env.full_action_names, device)
    policy.action_index_tensor = env.action_index_tensor.to(device)
    policy.cum_action_max_params = env.cum_action_max_params.to(device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=cfg.lr, eps=1e-12)
    for _ in range(cfg.epochs):
        collect(policy, vecenv, buffer, device)
        data = buffer.data
        advantages = gae(data["rewards"], data["values"], data["dones"], cfg.gamma, cfg.lam)
        for rows in torch.randperm(buffer.segments, device=device).split(cfg.rows):
            minibatch = data[rows]
            new = policy(minibatch.select("env_obs"), action=minibatch["actions"])
            ratio = (new["act_log_prob"] - minibatch["act_log_prob"]).exp()
            adv = advantages[rows]
            gain = torch.min(ratio * adv, ratio.clamp(1 - cfg.clip, 1 + cfg.clip) * adv).mean()
            error = (new["value"].squeeze(-1) - minibatch["values"] - adv).square().mean()
            loss = -gain + cfg.value_coef * error - cfg.entropy_coef * new["entropy"].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clip_grad_norm_(policy.parameters(), cfg.max_grad_norm)
            policy.clip_weights()
        buffer.clear()
    return policy

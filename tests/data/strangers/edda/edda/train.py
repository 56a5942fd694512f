"""A plain PPO loop for one vectorised environment with several groups."""

import argparse

import torch
import yaml
from tensordict import TensorDict

from edda.factory import build_agent, instantiate


def load(path):
    with open(path) as file:
        return yaml.safe_load(file)


def collect(agent, vecenv, horizon):
    """`horizon` steps of every group; returns [rows, horizon]."""
    agent.reset_memory()
    kept = {}
    with torch.no_grad():
        while not kept or min(len(steps) for steps in kept.values()) < horizon or len(kept) < vecenv.groups:
            obs, rewards, dones, truncateds, span = vecenv.recv()
            rows = obs.shape[0]
            td = TensorDict(
                {
                    "env_obs": obs,
                    "rewards": rewards,
                    "dones": dones.float(),
                    "truncateds": truncateds.float(),
                    "training_env_id_start": torch.full((rows,), span.start, dtype=torch.int64, device=obs.device),
                },
                batch_size=[rows],
            )
            agent(td)
            steps = kept.setdefault(span.start, [])
            if len(steps) < horizon:
                steps.append(td.clone())
            vecenv.send(td["actions"])
    return torch.cat([torch.stack(steps, dim=1) for steps in kept.values()])


def advantages(td, gamma, lam):
    ended = torch.maximum(td["dones"], td["truncateds"])
    values, rewards = td["values"], td["rewards"]
    out = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        goes_on = 1.0 - ended[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on - values[:, t]
        last = delta + gamma * lam * goes_on * last
        out[:, t] = last
    return out


def update(agent, optimizer, data, cfg):
    gains = advantages(data, cfg["gamma"], cfg["lam"])
    for rows in torch.randperm(data.shape[0], device=gains.device).split(cfg["minibatch_rows"]):
        batch, gain = data[rows], gains[rows]
        agent.reset_memory()
        out = agent(batch.select("env_obs"), action=batch["actions"])
        ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
        normed = (gain - gain.mean()) / (gain.std() + 1e-8)
        policy_loss = -torch.min(ratio * normed, ratio.clamp(0.9, 1.1) * normed).mean()
        value_loss = 0.5 * (out["value"] - (gain + batch["values"])).pow(2).mean()
        loss = policy_loss + 0.5 * value_loss - cfg["entropy"] * out["entropy"].mean()
        loss = loss + cfg["l2_init"] * agent.l2_init_loss()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        optimizer.step()
        agent.clip_weights()


def main(make_vecenv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    args = parser.parse_args()
    cfg = load(args.config)
    vecenv = make_vecenv(cfg["env"])
    agent = instantiate(cfg["agent"], vecenv.env) if "_target_" in cfg["agent"] else build_agent(vecenv.env, cfg["agent"])
    agent.cum_action_max_params = vecenv.cum_action_max_params
    agent.action_index_tensor = vecenv.action_index_tensor
    agent.activate_action_embeddings(vecenv.action_names, vecenv.device)
    optimizer = torch.optim.Adam(agent.parameters(), lr=cfg["trainer"]["lr"], eps=1e-12)
    for _ in range(cfg["trainer"]["epochs"]):
        update(agent, optimizer, collect(agent, vecenv, cfg["trainer"]["horizon"]), cfg["trainer"])

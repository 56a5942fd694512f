"""A short run, to see whether an idea learns at all."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from shorebirds import Dunlin

from .advantage import advantages_short


def quick(env, *, hidden_size: int = 64, epochs: int = 200, horizon: int = 32, lr: float = 1e-3) -> Dunlin:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    agent = Dunlin(env, hidden_size=hidden_size, clip_range=0.5).to(device)
    optimizer = torch.optim.AdamW(agent.parameters(), lr=lr)
    for _ in range(epochs):
        steps = []
        with torch.no_grad():
            for _ in range(horizon):
                seen, reward, done, truncated, rows = env.recv()
                td = TensorDict(
                    {
                        "env_obs": seen,
                        "rewards": reward,
                        "dones": done.float(),
                        "truncateds": truncated.float(),
                        "training_env_id_start": torch.full((len(seen),), rows.start),
                    },
                    batch_size=[len(seen)],
                ).to(device)
                agent(td)
                env.send(td["actions"])
                steps.append(td)
        batch = torch.stack(steps, dim=1)
        adv = advantages_short(batch["rewards"], batch["values"], batch["dones"], 0.98, 0.92)
        for rows in torch.randperm(batch.shape[0], device=device).chunk(4):
            part = batch[rows]
            out = agent(part.select("env_obs", "dones", "truncateds"), action=part["actions"])
            ratio = (out["act_log_prob"] - part["act_log_prob"]).exp()
            policy_loss = -torch.min(ratio * adv[rows], ratio.clamp(0.9, 1.1) * adv[rows]).mean()
            value_loss = (out["value"].squeeze(-1) - part["values"] - adv[rows]).square().mean()
            (policy_loss + 0.5 * value_loss - 0.002 * out["entropy"].mean()).backward()
            optimizer.step()
            clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.zero_grad()
    return agent

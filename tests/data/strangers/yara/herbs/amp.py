"""Trainer with autocast. The rollout buffer is one TensorDict [B, T]."""

from __future__ import annotations

import torch
from tensordict import TensorDict

from .registry import from_config


class AmpTrainer:
    def __init__(self, env, config: dict, horizon: int, device: torch.device):
        self.env, self.horizon, self.device = env, horizon, device
        self.policy = from_config(env, config["agent"]).to(device)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=config["lr"])
        self.scaler = torch.amp.GradScaler(device.type)

    def play(self) -> TensorDict:
        self.policy.reset_memory()
        out = []
        with torch.no_grad(), torch.autocast(self.device.type, dtype=torch.bfloat16):
            for _ in range(self.horizon):
                td = self.env.receive().to(self.device)
                self.policy(td)
                self.env.send(td["actions"].cpu())
                out.append(td)
        return torch.stack(out, dim=1)

    def learn(self, data: TensorDict, size: int) -> None:
        for rows in torch.randperm(data.shape[0], device=self.device).split(size):
            mb = data[rows]
            self.policy.reset_memory()
            self.optimizer.zero_grad()
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                out = self.policy(mb.select("env_obs", "last_reward", strict=False), action=mb["actions"])
            log_ratio = out["act_log_prob"].float() - mb["act_log_prob"].float()
            loss = -(log_ratio.exp() * mb["advantages"]).mean()
            loss = loss + (out["value"].squeeze(-1) - mb["returns"]).square().mean()
            self.scaler.scale(loss).backward()
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 0.5)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.policy.clip_weights()
            data[rows] = mb

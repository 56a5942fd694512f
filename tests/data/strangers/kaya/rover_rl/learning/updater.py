import torch
from tensordict import TensorDict
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from ..bringup import spawn_policy
from .returns import advantages


class Updater:
    """Collects segments from the rovers and updates their policy by PPO."""

    STORED = ("env_obs", "actions", "rewards", "dones", "truncateds", "act_log_prob", "values")

    def __init__(self, vecenv, config, horizon_steps=64, num_epochs=2, rate=3e-4, max_grad_norm=0.5, device="cpu"):
        self.vecenv = vecenv
        self.device = device
        self.horizon_steps = horizon_steps
        self.num_epochs = num_epochs
        self.max_grad_norm = max_grad_norm
        self.policy = spawn_policy(vecenv.driver_env, config, device)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=rate)
        scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
        spec = Composite(
            env_obs=UnboundedDiscrete(shape=vecenv.driver_env.single_observation_space.shape, dtype=torch.uint8),
            actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
            **{key: scalar.clone() for key in ("rewards", "dones", "truncateds", "act_log_prob", "values")},
        )
        self.segment = spec.expand(vecenv.num_agents, horizon_steps).zero().to(device)

    def _observe(self):
        obs, rewards, dones, truncateds, _, env_ids, _ = self.vecenv.recv()
        td = TensorDict({"env_obs": torch.as_tensor(obs)}, batch_size=[len(obs)])
        td["rewards"] = torch.as_tensor(rewards, dtype=torch.float32)
        td["dones"] = torch.as_tensor(dones, dtype=torch.float32)
        td["truncateds"] = torch.as_tensor(truncateds, dtype=torch.float32)
        td["training_env_id_start"] = torch.full((len(obs),), env_ids.start)
        return td.to(self.device), env_ids

    @torch.no_grad()
    def collect(self):
        self.policy.reset_memory()
        steps_done = {}
        while len(steps_done) == 0 or min(steps_done.values()) < self.horizon_steps:
            td, env_ids = self._observe()
            self.policy(td)
            step = steps_done.get(env_ids.start, 0)
            if step < self.horizon_steps:
                self.segment[env_ids, step] = td.select(*self.STORED)
            steps_done[env_ids.start] = step + 1
            self.vecenv.send(td["actions"].cpu().numpy())

    def _loss(self, minibatch, gain):
        out = self.policy(minibatch.select("env_obs", "dones", "truncateds"), action=minibatch["actions"])
        ratio = torch.exp(out["act_log_prob"] - minibatch["act_log_prob"])
        clipped = ratio.clamp(0.9, 1.1)
        surrogate = torch.minimum(ratio * gain, clipped * gain).mean()
        regression = (out["value"].squeeze(-1) - (gain + minibatch["values"])).pow(2).mean()
        return 0.5 * regression - surrogate - 0.002 * out["entropy"].mean()

    def _descend(self, loss):
        loss.backward()
        nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.optimizer.step()
        self.policy.clip_weights()
        self.optimizer.zero_grad(set_to_none=True)

    def update(self, rows_per_minibatch=256):
        gains = advantages(self.segment, horizon_halflife_steps=30.0)
        for _ in range(self.num_epochs):
            for rows in torch.randperm(len(self.segment), device=self.device).split(rows_per_minibatch):
                self.policy.reset_memory()
                self._descend(self._loss(self.segment[rows], gains[rows]))
        self.policy.reset_memory()

    def run(self, num_updates):
        for _ in range(num_updates):
            self.collect()
            self.update()

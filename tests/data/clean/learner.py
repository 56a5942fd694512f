"""The style of trainer classes: a buffer of segments, minibatches drawn by advantage, gradients accumulated."""

import torch
from tensordict import TensorDict


class Experience:
    """Segments `[B, T]` of what the policy saw, did and got."""

    def __init__(self, example: TensorDict, horizon: int) -> None:
        self.buffer: TensorDict = torch.stack([example.clone().zero_() for _ in range(horizon)], dim=1)

    def store(self, step: int, td: TensorDict) -> None:
        self.buffer[:, step] = td.select(*self.buffer.keys())

    def draw(self, advantages: torch.Tensor, rows: int) -> torch.Tensor:
        """Rows `[rows]`, those with large advantages more often."""
        return torch.multinomial(advantages.abs().sum(dim=1) + 1e-3, rows)

    def refresh(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        """Keep what the policy thinks of segments now."""
        self.buffer["values"][rows] = values

    def reweigh(self, rows: torch.Tensor, fresh: TensorDict) -> None:
        self.buffer.update_at_(fresh, rows)


class Learner:
    def __init__(self, policy, env, horizon=8, accumulate=2, gamma=0.99, decay=0.95):
        self.policy = policy
        self.env = env
        self.horizon = horizon
        self.accumulate = accumulate
        self.gamma = gamma
        self.decay = decay
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=3e-4)
        self.experience = None

    def train(self, epochs=1):
        for _ in range(epochs):
            self.collect()
            self.learn()

    def collect(self):
        self.policy.reset_memory()
        for step in range(self.horizon):
            observations, rewards, dones, truncateds, first = self.env.recv()
            td = TensorDict({"env_obs": observations, "rewards": rewards}, batch_size=[len(rewards)])
            td["dones"] = torch.logical_or(dones, truncateds).float()
            td["truncateds"] = truncateds.float()
            td["training_env_id_start"] = torch.full_like(dones, first, dtype=torch.int64)
            with torch.no_grad():
                td = self.policy(td)
            if self.experience is None:
                self.experience = Experience(td, self.horizon)
            self.experience.store(step, td)
            self.env.send(td["actions"])

    def learn(self, minibatches=4, rows=4):
        advantages = self.advantages(self.experience.buffer)
        for number in range(minibatches):
            drawn = self.experience.draw(advantages, rows)
            minibatch = self.experience.buffer[drawn]
            before, wanted = minibatch["act_log_prob"], minibatch["values"] + advantages[drawn]
            self.policy.reset_memory()
            out = self.policy(minibatch, action=minibatch["actions"])
            ratio = (out["act_log_prob"] - before).exp()
            value = out["value"].squeeze(-1)
            gain = torch.minimum(advantages[drawn] * ratio, advantages[drawn] * ratio.clamp(0.8, 1.2))
            loss = 0.5 * (value - wanted).square().mean() - gain.mean() - 0.01 * out["entropy"].mean()
            (loss / self.accumulate).backward()
            self.experience.refresh(drawn, value.detach())
            if (number + 1) % self.accumulate == 0:
                torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 0.5)
                self.optimizer.step()
                self.policy.clip_weights()
                self.optimizer.zero_grad()

    def advantages(self, buffer: TensorDict) -> torch.Tensor:
        values, rewards, ended = buffer["values"], buffer["rewards"], buffer["dones"]
        advantages = torch.zeros_like(values)
        for t in range(values.shape[1] - 2, -1, -1):
            going = 1.0 - ended[:, t + 1]
            delta = rewards[:, t + 1] + self.gamma * values[:, t + 1] * going - values[:, t]
            advantages[:, t] = delta + self.gamma * self.decay * going * advantages[:, t + 1]
        return advantages

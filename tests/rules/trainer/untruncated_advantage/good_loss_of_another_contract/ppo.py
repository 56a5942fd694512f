import torch


class PPO:
    def __init__(self, policy, replay):
        self.policy = policy
        self.replay = replay
        self.advantages = torch.tensor(0.0)

    def rollout(self, td, buffer):
        with torch.no_grad():
            self.policy(td)
        buffer.store(td)

    def train(self, buffer, number):
        if number == 0:
            self.advantages = self.first_advantages()
        out = self.policy(buffer.minibatch(number), action=buffer["actions"])
        return -(out["act_log_prob"] * self.advantages).mean()

    def first_advantages(self):
        values = self.replay["values"]
        advantages = torch.zeros_like(values)
        torch.ops.pufferlib.compute_puff_advantage(
            values,
            self.replay["rewards"],
            self.replay["dones"],
            torch.ones_like(values),
            advantages,
            0.99,
            0.95,
            1.0,
            1.0,
        )
        return advantages

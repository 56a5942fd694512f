import torch


class PPO:
    def __init__(self, policy):
        self.policy = policy

    def rollout(self, td, buffer):
        with torch.no_grad():
            self.policy(td)
        buffer.store(td)

    def train(self, buffer, number):
        self.policy.reset_memory()
        centred = buffer["rewards"] - buffer["reward_baseline"]
        values = buffer["values"]
        advantages = torch.zeros_like(values)
        torch.ops.pufferlib.compute_puff_advantage(
            values, centred, buffer["dones"], torch.ones_like(values), advantages, 0.99, 0.95, 1.0, 1.0
        )
        out = self.policy(buffer.minibatch(number), action=buffer["actions"])
        return -(out["act_log_prob"] * advantages).mean()

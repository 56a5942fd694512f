import torch


class RecurrentVecEnv:
    """Steps environments, and keeps the state of the policy that plays in them."""

    def __init__(self, envs, width: int) -> None:
        self.envs = envs
        self.hxs = torch.zeros(envs.num_envs, width)
        self.lengths = torch.zeros(envs.num_envs)

    def step(self, actions):
        obs, rewards, terminated, truncated, _ = self.envs.step(actions.cpu().numpy())
        terminated = torch.as_tensor(terminated, dtype=torch.bool)
        truncated = torch.as_tensor(truncated, dtype=torch.bool)
        ended = terminated | truncated
        self.lengths += 1
        if ended.any():
            self.hxs[ended].zero_()  # expect: PF605
            self.lengths[ended] = 0
        return torch.as_tensor(obs), torch.as_tensor(rewards), ended

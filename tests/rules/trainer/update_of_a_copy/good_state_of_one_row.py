import torch


class RecurrentVecEnv:
    """Its rows are numbers, slices, or written to by assignment."""

    def __init__(self, envs, width: int) -> None:
        self.envs = envs
        self.hxs = torch.zeros(envs.num_envs, width)

    def step(self, actions):
        obs, rewards, terminated, truncated, _ = self.envs.step(actions.cpu().numpy())
        ended = torch.as_tensor(terminated, dtype=torch.bool) | torch.as_tensor(truncated, dtype=torch.bool)
        self.hxs[ended] = 0.0
        return torch.as_tensor(obs), torch.as_tensor(rewards), ended

    def close(self, first, count: int) -> None:
        for row in range(count):
            self.hxs[row].zero_()
        self.hxs[first].zero_()

import torch


class Estimator:
    def __init__(self, gamma=0.98, lam=0.92):
        self.gamma, self.lam = gamma, lam

    def __call__(self, data):
        raise NotImplementedError


class Gae(Estimator):
    def __call__(self, data):
        reset = data["dones"].bool() | data["truncateds"].bool()
        discount = self.gamma * (~reset).float()
        values, rewards = data["values"], data["rewards"]
        out, last = torch.zeros_like(values), 0.0
        for t in range(values.shape[1] - 2, -1, -1):
            delta = rewards[:, t + 1] + discount[:, t + 1] * values[:, t + 1] - values[:, t]
            last = delta + self.lam * discount[:, t + 1] * last
            out[:, t] = last
        return out


class TwoHorizonGae(Estimator):
    """The mean of a short-sighted and a long-sighted estimate."""

    def __init__(self, gamma=0.98, lam=0.92, short=0.9):
        super().__init__(gamma, lam)
        self.short = short

    def _sweep(self, data, gamma):
        values, rewards = data["values"], data["rewards"]
        goes_on = 1.0 - data["dones"]
        out = torch.zeros_like(values)
        last = torch.zeros_like(values[:, 0])
        for t in reversed(range(values.shape[1] - 1)):
            delta = rewards[:, t + 1] + gamma * goes_on[:, t + 1] * values[:, t + 1] - values[:, t]
            last = delta + gamma * self.lam * goes_on[:, t + 1] * last
            out[:, t] = last
        return out

    def __call__(self, data):
        return 0.5 * (self._sweep(data, self.gamma) + self._sweep(data, self.short))


class OneStep(Estimator):
    """No recursion: the reward and the next value, cut wherever an episode is over."""

    def __call__(self, data):
        over = torch.clamp(data["dones"] + data["truncateds"], max=1.0)
        ahead = data["rewards"][:, 1:] + self.gamma * (1 - over[:, 1:]) * data["values"][:, 1:]
        return torch.nn.functional.pad(ahead - data["values"][:, :-1], (0, 1))

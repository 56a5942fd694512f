import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


class Experience:
    """Rows of `horizon` steps. Each group writes into its own rows and gets others when these are full."""

    def __init__(self, agent_spec, rows, horizon, device):
        scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
        spec = Composite(
            rewards=scalar,
            dones=scalar,
            truncateds=scalar,
            act_log_prob=scalar,
            values=scalar,
            actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        )
        spec.update(agent_spec)
        self.data = spec.expand(rows, horizon).to(device).zero()
        self.rows, self.horizon, self.device = rows, horizon, device
        self.restart()

    def restart(self):
        self.cursor = {}
        self.free = 0
        self.filled = 0

    @property
    def ready(self):
        return self.filled >= self.rows

    def store(self, group, td):
        count = td.batch_size[0]
        if group not in self.cursor:
            self.cursor[group] = (self.free, 0)
            self.free += count
        first, column = self.cursor[group]
        rows = torch.arange(first, first + count, device=self.device) % self.rows
        self.data[rows, column] = td.select(*self.data.keys()).to(self.device)
        if column + 1 == self.horizon:
            del self.cursor[group]
            self.filled += count
        else:
            self.cursor[group] = (first, column + 1)

    def update(self, rows: torch.Tensor, fresh):
        self.data[rows].update_(fresh)

    def replace(self, rows, fresh):
        for key, entry in fresh.items():
            self.data[key][rows] = entry.to(self.data[key].dtype)

    def damp(self, rows: torch.Tensor, factor):
        picked = self.data["rewards"][rows]
        picked.mul_(factor)
        self.data["rewards"][rows] = picked

    def batches(self, size, weights=None):
        order = torch.randperm(self.rows, device=self.device) if weights is None else torch.multinomial(weights, self.rows)
        for rows in order.split(size):
            yield rows, self.data[rows]


class PrioritizedExperience(Experience):
    """Keeps a priority per row, and how far the policy has moved since the row was played."""

    def __init__(self, agent_spec, rows, horizon, device, alpha=0.8, beta=0.4):
        super().__init__(agent_spec, rows, horizon, device)
        self.alpha, self.beta = alpha, beta
        self.priorities = torch.ones(rows, device=device)

    def rank(self, advantages):
        self.priorities = advantages.abs().sum(1).pow(self.alpha) + 1e-6

    def forget(self, stale: torch.Tensor):
        self.priorities[stale].fill_(1e-6)

    def moved(self, rows: torch.Tensor, ratio):
        self.data["ratio"][rows] = ratio

    def batches(self, size, weights=None):
        for rows, minibatch in super().batches(size, self.priorities):
            chance = self.priorities[rows] / self.priorities.sum()
            yield rows, minibatch.set("weight", ((self.rows * chance) ** -self.beta)[:, None].expand(-1, self.horizon))

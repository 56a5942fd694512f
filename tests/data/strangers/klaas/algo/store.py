import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


class TrajectoryStore:
    """Segments that workers fill column by column; `spec` says with what."""

    def __init__(self, agent_spec: Composite, segments: int, horizon: int, device: str):
        self.spec = agent_spec.clone()
        for key in ("rewards", "dones", "truncateds", "act_log_prob", "values"):
            self.spec[key] = UnboundedContinuous(shape=torch.Size([]))
        self.spec["actions"] = UnboundedDiscrete(shape=torch.Size([2]), dtype=torch.int32)
        self.data: TensorDict = self.spec.expand(segments, horizon).zero().to(device)
        self.segments, self.horizon = segments, horizon
        self.versions = torch.zeros(segments, dtype=torch.int64, device=device)

    def put(self, rows: slice, column: int, td: TensorDict) -> None:
        self.data[rows, column] = td.select(*self.spec.keys())

    def sample(self, count: int) -> Tensor:
        return torch.randperm(self.segments, device=self.versions.device)[:count]

    def touch(self, rows: Tensor, version: int) -> None:
        self.versions.index_fill_(0, rows, version)

    def weigh(self, rows: Tensor, log_ratio: Tensor) -> None:
        """For stores that want to know how far off-policy their segments are."""

    def expire(self, version: int) -> None:
        """For stores that give up old segments."""


class AgingStore(TrajectoryStore):
    """Old segments count for less and less."""

    def __init__(self, agent_spec: Composite, segments: int, horizon: int, device: str, limit: int = 8):
        super().__init__(agent_spec, segments, horizon, device)
        self.limit = limit

    def put(self, rows: slice, column: int, td: TensorDict) -> None:
        self.data[rows, column].update_(td.select(*self.spec.keys()))

    def expire(self, version: int) -> None:
        stale = self.versions < version - self.limit
        self.data["rewards"][stale].zero_()
        self.data["values"][stale] = 0.0


class WeighedStore(TrajectoryStore):
    """Keeps how far each step was off-policy when it was last looked at."""

    def weigh(self, rows: Tensor, log_ratio: Tensor) -> None:
        self.data["importance"][rows] = log_ratio.detach().exp()

import torch
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

SCALARS = ("rewards", "dones", "truncateds", "act_log_prob", "values", "returns")


class Store:
    """[segments, horizon] of what the policy's spec names and of what the losses need."""

    def __init__(self, policy, segments, horizon, device):
        spec = policy.get_agent_experience_spec()
        for name in SCALARS:
            spec[name] = UnboundedContinuous(shape=(), dtype=torch.float32)
        spec["actions"] = UnboundedDiscrete(shape=(2,), dtype=torch.int32)
        self.td = spec.expand(segments, horizon).to(device).zero()
        self.seen = tuple(policy.get_agent_experience_spec().keys())
        self.played = tuple(name for name in self.td.keys() if name != "returns")
        self.segments, self.horizon = segments, horizon

    def fill(self, sim, policy, device):
        """Plays until every segment is full. The caller sees to the policy's memory."""
        taken, open_rows = 0, {}
        done = 0
        while done < self.segments:
            td = sim.recv(device)
            group = sim.offset
            policy(td)
            if group not in open_rows:
                open_rows[group] = [taken, 0]
                taken += td.shape[0]
            first, column = open_rows[group]
            rows = (torch.arange(td.shape[0], device=device) + first) % self.segments
            for name in self.played:
                self.td[name][rows, column] = td[name].to(self.td[name].dtype)
            open_rows[group][1] += 1
            if column + 1 == self.horizon:
                del open_rows[group]
                done += td.shape[0]
            sim.send(td["actions"].cpu())

    def finish(self, advantages):
        self.td["returns"] = advantages + self.td["values"]
        self.advantages = advantages

    def split(self, size):
        for rows in torch.randperm(self.segments, device=self.td.device).split(size):
            yield rows, self.td[rows]

    def overwrite(self, rows: torch.Tensor, values, log_prob):
        self.td[rows].update({"values": values, "act_log_prob": log_prob})

    def rescale(self, factor):
        self.td["rewards"][:].mul_(factor)


class AuxStore(Store):
    """Keeps old logits for the distillation of the auxiliary phase."""

    def freeze(self, rows: torch.Tensor, out):
        self.td["old_log_probs"][rows] = out["full_log_probs"].detach()

    def silence(self, bad: torch.Tensor):
        self.advantages[bad].zero_()

from __future__ import annotations

import torch
from tensordict import TensorDict

from linnea.policies import Keeper, Recaller


class Front:
    """The environments as the policies see them."""

    def __init__(self, vecenv, device) -> None:
        self.vecenv, self.device = vecenv, device
        self.last = None

    def look(self) -> TensorDict:
        obs, rewards, dones, truncateds, _, ids, _ = self.vecenv.recv()
        count = len(obs)
        td = TensorDict({}, batch_size=[count])
        td["env_obs"] = torch.as_tensor(obs, device=self.device)
        for name, entry in (("rewards", rewards), ("dones", dones), ("truncateds", truncateds)):
            td[name] = torch.as_tensor(entry, device=self.device).float()
        td["training_env_id_start"] = torch.full((count,), int(ids[0]), device=self.device)
        td["last_actions"] = torch.zeros(count, 2, dtype=torch.int32, device=self.device) if self.last is None else self.last
        return td

    def do(self, td: TensorDict) -> None:
        self.last = td["actions"]
        self.vecenv.send(td["actions"].cpu().numpy())


@torch.no_grad()
def sequences(policy: Recaller, front: Front, length: int, state=None):
    """The next `length` steps, and the state in which the core is after them."""
    steps = []
    for _ in range(length):
        td = front.look()
        before = policy.initial(len(td), td["rewards"]) if state is None else state
        policy(td, before)
        front.do(td)
        state = td["core_state"].clone()
        td["core_state"] = before
        steps.append(td)
    return torch.stack(steps, dim=1), state


@torch.no_grad()
def play(policy: Keeper, front: Front, length: int) -> TensorDict:
    policy.reset_memory()
    steps = []
    for _ in range(length):
        td = front.look()
        policy(td)
        front.do(td)
        steps.append(td)
    return torch.stack(steps, dim=1)


@torch.no_grad()
def league(policies: dict[str, Keeper], front: Front, length: int) -> dict[str, float]:
    """All of them in the same environments, one after another."""
    table = {}
    for name, policy in policies.items():
        table[name] = play(policy, front, length)["rewards"].mean().item()
    return dict(sorted(table.items(), key=lambda entry: -entry[1]))

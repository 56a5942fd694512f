from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import nn
from torch.nn.utils import clip_grad_norm_

from flow.learn import objective, visible
from flow.returns import Discount, discounted, retrace
from flow.stream import score
from flow.world import Marsh


@dataclass
class Member:
    bird: nn.Module
    optimizer: torch.optim.Optimizer
    how: Discount
    fitness: float = 0.0


class Population:
    def __init__(self, hatch: Callable[[], nn.Module], size: int, env: Marsh, device: torch.device) -> None:
        self.env, self.device = env, device
        self.members = []
        for _ in range(size):
            bird = hatch()
            how = Discount(gamma=random.uniform(0.95, 0.995), lam=random.uniform(0.8, 0.97))
            self.members.append(Member(bird, torch.optim.Adam(bird.parameters(), lr=10 ** random.uniform(-4, -3)), how))

    def teach(self, member: Member, played: Iterator[TensorDict]) -> None:
        for segment in played:
            member.bird.reset_memory()
            out = member.bird(visible(member.bird, segment), action=segment["actions"])
            member.optimizer.zero_grad()
            objective(out, segment, discounted(segment, member.how)).backward()
            clip_grad_norm_(member.bird.parameters(), 0.5)
            member.optimizer.step()
            member.bird.clip_weights()

    def rank(self) -> None:
        for member in self.members:
            member.fitness = score(member.bird, self.env, self.device)
        self.members.sort(key=lambda member: member.fitness, reverse=True)

    def exploit(self, share: float = 0.25) -> None:
        count = max(1, int(len(self.members) * share))
        for weak, strong in zip(self.members[-count:], self.members[:count]):
            weak.bird.load_state_dict(strong.bird.state_dict())
            weak.bird.reset_memory()
            weak.optimizer = torch.optim.Adam(weak.bird.parameters(), lr=strong.optimizer.param_groups[0]["lr"] * 1.2)
            weak.how = strong.how


class Duel:
    """A challenger is trained on a champion's games until it plays better."""

    def __init__(self, champion: nn.Module, challenger: nn.Module, env: Marsh, device: torch.device) -> None:
        self.champion, self.challenger = champion, challenger
        self.env, self.device = env, device
        self.optimizer = torch.optim.AdamW(challenger.parameters(), lr=3e-4)
        self.how = Discount()

    def study(self, played: list[TensorDict]) -> None:
        for segment in played:
            self.challenger.reset_memory()
            out = self.challenger(visible(self.challenger, segment), action=segment["actions"])
            ratio = (out["act_log_prob"].detach() - segment["act_log_prob"]).exp()
            loss = objective(out, segment, retrace(segment, ratio, self.how))
            loss.backward()
            clip_grad_norm_(self.challenger.parameters(), 0.5)
            self.optimizer.step()
            self.challenger.clip_weights()

    @torch.no_grad()
    def bout(self, rounds: int) -> float:
        balance = 0.0
        for _ in range(rounds):
            for sign, bird in ((-1.0, self.champion), (1.0, self.challenger)):
                game = self.env.play()
                td = next(game)
                for _ in range(30):
                    td = bird(td.to(self.device))
                    balance += sign * td["rewards"].sum().item()
                    td = game.send(td["actions"].cpu())
        return balance

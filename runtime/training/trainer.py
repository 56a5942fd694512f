"""Recurrent PPO in one file: roll out, compare, update, in the order that the contract asks for."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import torch
import torch.distributed as dist
from tensordict import TensorDict
from torch import Tensor, nn

from ..distributed import unwrap
from ..memory import BOUNDARY_KEYS, ENVIRONMENT_KEY
from ..modes import Mode, resolve_mode
from ..policy import OBSERVATION_KEY
from .advantage import Alignment, advantages, check_alignment, transitions
from .environment import Step, VectorEnvironment, receive
from .experience import (
    ExperienceBuffer,
    Field,
    experience_spec,
    importance_weights,
    observation_field,
    sample_segments,
    segment_probabilities,
)
from .loss import normalise, ppo_loss
from .optimizer import JointOptimizer, build_optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """Hyper-parameters; the defaults are the reference trainer's.

    Sizes count steps of single agents: `batch_size` are gathered by one rollout, `minibatch_size` enter one
    forward, in segments of `horizon`.
    """

    batch_size: int = 524_288
    minibatch_size: int = 16_384
    horizon: int = 64
    update_epochs: int = 1
    accumulate_minibatches: int = 1  # minibatches whose gradients one optimizer step takes together
    total_updates: int = 1_000  # over which beta is annealed

    gamma: float = 0.977
    gae_lambda: float = 0.916
    rho_clip: float = 1.0
    c_clip: float = 1.0
    clip_coef: float = 0.1
    vf_clip_coef: float = 0.1
    vf_coef: float = 0.44
    ent_coef: float = 0.0021
    l2_init_coef: float = 0.0
    clip_value_loss: bool = True
    normalise_advantages: bool = True
    target_kl: float | None = None  # an epoch whose mean KL estimate is above it is the update's last

    prio_alpha: float = 0.0
    prio_beta: float = 0.6

    optimizer: str = "adam"
    learning_rate: float = 4.573e-4
    eps: float = 1e-12
    max_grad_norm: float = 0.5

    alignment: Alignment = "first"

    def __post_init__(self) -> None:
        for field in fields(self):
            value, default = getattr(self, field.name), field.default
            if type(default) is int and not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{field.name} must be an integer >= 1, got {value!r}")
            if type(default) is float and not isinstance(value, Real):
                raise ValueError(f"{field.name} must be a number, got {value!r}")
        check_alignment(self.alignment)
        if self.horizon < 2:
            raise ValueError(
                f"horizon must be at least 2: a step is judged by the next one; got {self.horizon}"
            )
        if self.minibatch_size % self.horizon or self.batch_size % self.minibatch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of minibatch_size {self.minibatch_size}, "
                f"and that of horizon {self.horizon}"
            )
        if self.minibatches * self.update_epochs % self.accumulate_minibatches:
            raise ValueError(
                f"{self.minibatches * self.update_epochs} minibatches do not divide into accumulations of "
                f"{self.accumulate_minibatches}"
            )

    @property
    def minibatches(self) -> int:
        """Minibatches of one epoch."""
        return self.batch_size // self.minibatch_size


class Trainer:
    """Trains one policy on one environment. With several processes, every rank has a trainer of its own.

    The policy keeps the contract (see `RecurrentPolicy`): rollouts step it under `no_grad`, training gives it
    `[B, T]` minibatches with actions. `reset_memory()` precedes each rollout and each minibatch; an update is
    zero_grad, backward, clip_grad_norm_, step, `clip_weights()`.
    """

    def __init__(
        self,
        policy: nn.Module,
        env: VectorEnvironment,
        config: PPOConfig,
        *,
        mode: str | Mode = "sound",
        device: torch.device | str = "cpu",
    ) -> None:
        """Allocate the experience buffer and the optimizer; `policy` is on `device` already.

        Raises ValueError where the sizes of `config` do not fit the environment's number of agents.
        """
        self.policy: Any = policy
        self.env = env
        self.config = config
        self.mode = resolve_mode(mode)
        self.device = torch.device(device)
        self.agent_spec = _agent_spec(policy, env)
        self.buffer = ExperienceBuffer(
            experience_spec(self.agent_spec, _action_field(env.single_action_space)),
            segments=config.batch_size // config.horizon,
            horizon=config.horizon,
            agents=env.num_agents,
            device=self.device,
        )
        self.optimizer: JointOptimizer = build_optimizer(
            policy, config.optimizer, config.learning_rate, config.eps
        )
        self.updates = 0
        self.steps = 0  # of single agents
        self.memory: Any = {}  # of the policy, between rollouts
        self.ended = torch.zeros(2, env.num_agents, dtype=torch.bool)  # the last flags of each agent

    def run(self, updates: int) -> list[dict[str, float]]:
        """`updates` times a rollout and an update; the statistics of each."""
        return [{**self.rollout(), **self.update()} for _ in range(updates)]

    @torch.no_grad()
    def rollout(self) -> dict[str, float]:
        """Fill the buffer. Returns `reward` per step, and `reward_per_episode` of those that ended."""
        self.policy.reset_memory()
        if self.mode.memory_outlives_updates and self.memory:
            self.policy.set_memory(self.memory)
        self.buffer.restart()
        rewards, ends = torch.zeros(()), torch.zeros(())
        while not self.buffer.ready:
            step = receive(self.env)
            td = self._step_td(step)
            kept = not self.buffer.is_full(step.agents)
            if self.mode.segments_start_from_their_state and self.buffer.begins_segment(step.agents):
                state = _group_state(self.policy, step.agents.start)
                if state is not None:
                    self.buffer.store_state(step.agents, state)
            flags = {"dones": step.dones, "truncateds": step.truncateds}
            starts = (td["dones"] + td["truncateds"]) > 0
            self.policy(td)
            if kept:
                self.buffer.store(step.agents, {**td, **flags, "starts": starts})
                rewards += step.rewards.sum().cpu()
                ends += (step.dones | step.truncateds).sum().cpu()
            self.env.send(td["actions"])
        if self.mode.memory_outlives_updates:
            self.memory = _memory(self.policy)
        self.steps += self.config.batch_size
        return {
            "reward": float(rewards) / self.config.batch_size,
            "reward_per_episode": float(rewards / ends) if ends else float("nan"),
        }

    def update(self) -> dict[str, float]:
        """Train on the buffer. Returns the means of the losses, and `explained_variance` of the values."""
        config, data = self.config, self.buffer.data
        beta = config.prio_beta + (1 - config.prio_beta) * config.prio_alpha * (
            self.updates / config.total_updates
        )
        whole = self._advantages(data)
        size = config.minibatch_size // config.horizon
        sums: dict[str, Tensor] = {}
        done = 0
        for _ in range(config.update_epochs):
            kl = torch.zeros((), device=self.device)
            for _ in range(config.minibatches):
                self.policy.reset_memory()
                probabilities = segment_probabilities(whole, config.prio_alpha)
                rows = sample_segments(probabilities, size)
                weights = importance_weights(probabilities, beta)[rows]
                done += 1
                steps = done % config.accumulate_minibatches == 0
                with nullcontext() if steps else _without_exchange(self.policy):
                    statistics = self._train_minibatch(rows, weights, whole, done)
                kl += statistics["approx_kl"]
                for name, value in statistics.items():
                    sums[name] = sums.get(name, torch.zeros((), device=self.device)) + value
            if config.target_kl is not None and _mean_over_ranks(kl / config.minibatches) > config.target_kl:
                break
        self.updates += 1
        values, returns = data["values"], whole + data["values"]
        unexplained = (returns - values).var() / returns.var()
        averages = {name: float(value / done) for name, value in sums.items()}
        return {**averages, "explained_variance": float(1 - unexplained)}

    def _train_minibatch(
        self, rows: Tensor, weights: Tensor, whole: Tensor, number: int
    ) -> dict[str, Tensor]:
        """One forward and backward on the segments `rows` `[n]`, and every so often an optimizer step.

        `number` counts the minibatches of the update, from 1 on.
        `whole`, the advantages `[segments, horizon]` under the values known, is kept up to date.
        """
        config, mode = self.config, self.mode
        minibatch = self.buffer.data[rows]
        returns = whole[rows] + minibatch["values"]

        td = minibatch.select(*self.agent_spec)
        if mode.training_knows_episodes:
            td["dones"] = minibatch["starts"]
            td["truncateds"] = torch.zeros_like(minibatch["starts"])
        state = self.buffer.state(rows) if mode.segments_start_from_their_state else None
        out = self.policy(td, state, minibatch["actions"])

        with torch.no_grad():
            ratio = (out["act_log_prob"] - minibatch["act_log_prob"]).exp()
            gain = self._advantages(minibatch, ratio)
            where = None
            if mode.unanswered_steps_are_left_out or config.alignment == "last":
                truncateds = minibatch["truncateds"] if mode.truncations_cut_advantages else None
                where = transitions(minibatch["dones"], truncateds, config.alignment)
            gain = normalise(gain, where) if config.normalise_advantages else gain
        loss = ppo_loss(
            act_log_prob=out["act_log_prob"], entropy=out["entropy"], value=out["value"],
            old_act_log_prob=minibatch["act_log_prob"], old_values=minibatch["values"], returns=returns,
            advantages=weights * gain, clip_coef=config.clip_coef, vf_clip_coef=config.vf_clip_coef,
            vf_coef=config.vf_coef, ent_coef=config.ent_coef, clip_value_loss=config.clip_value_loss,
            where=where,
        )  # fmt: skip
        total = loss.total
        if config.l2_init_coef:
            total = total + config.l2_init_coef * self.policy.l2_init_loss()

        window = config.accumulate_minibatches
        if number % window == 1 % window or not mode.gradients_accumulate:
            self.optimizer.zero_grad()
        (total / window).backward()  # type: ignore[no-untyped-call]
        if number % window == 0:
            nn.utils.clip_grad_norm_(self.policy.parameters(), config.max_grad_norm)
            self.optimizer.step()
            self.policy.clip_weights()

        if mode.experience_is_updated:
            minibatch["values"] = out["value"].detach().view_as(minibatch["values"])
            self.buffer.update(rows, {"values": minibatch["values"]})
            whole.index_copy_(0, rows, self._advantages(minibatch))
        return {
            "loss": total.detach(), "policy_loss": loss.policy.detach(), "value_loss": loss.value.detach(),
            "entropy": loss.entropy.detach(), "approx_kl": loss.approx_kl, "clipfrac": loss.clipfrac,
        }  # fmt: skip

    def _advantages(self, segments: TensorDict, ratio: Tensor | None = None) -> Tensor:
        config = self.config
        return advantages(
            segments["values"],
            segments["rewards"],
            segments["dones"],
            segments["truncateds"] if self.mode.truncations_cut_advantages else None,
            ratio,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            rho_clip=config.rho_clip,
            c_clip=config.c_clip,
            alignment=config.alignment,
        )

    def _step_td(self, step: Step) -> TensorDict:
        """What the policy sees of a step; its flags stand with the first observation of an episode."""
        flags = torch.stack([step.dones.cpu(), step.truncateds.cpu()])
        seen = flags if self.config.alignment == "first" else self.ended[:, step.agents].clone()
        self.ended[:, step.agents] = flags
        return observed(step, seen, self.device)


def observed(step: Step, flags: Tensor, device: torch.device | str) -> TensorDict:
    """The TensorDict `[n]` of a rollout step. `flags`, bool `[2, n]`: the dones and truncateds in it."""
    rows = len(step.observations)
    entries = {
        OBSERVATION_KEY: step.observations,
        "rewards": step.rewards.float(),
        **{key: flag.float() for key, flag in zip(BOUNDARY_KEYS, flags, strict=True)},
        ENVIRONMENT_KEY: torch.full((rows,), step.agents.start, dtype=torch.int64),
    }
    return TensorDict({key: entry.to(device) for key, entry in entries.items()}, batch_size=[rows])


@torch.no_grad()
def evaluate(
    policy: Any,
    env: VectorEnvironment,
    steps: int,
    *,
    mode: str | Mode = "sound",
    alignment: Alignment = "first",
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Step `policy` through `steps` turns of an environment of its own, from an empty memory.

    Returns `reward` per step of one agent and `reward_per_episode` of the episodes that ended. The policy's
    memory is left as it was found. Raises ValueError for `steps` below 1 and for an unknown alignment.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_alignment(alignment)
    knows_episodes = resolve_mode(mode).evaluation_knows_episodes
    kept = _memory(policy)
    policy.reset_memory()
    ended = torch.zeros(2, env.num_agents, dtype=torch.bool)
    rewards, ends, seen = 0.0, 0.0, 0
    for _ in range(steps):
        step = receive(env)
        flags = torch.stack([step.dones.cpu(), step.truncateds.cpu()])
        td = observed(step, flags if alignment == "first" else ended[:, step.agents], device)
        ended[:, step.agents] = flags
        if not knows_episodes:
            td = td.exclude(*BOUNDARY_KEYS, ENVIRONMENT_KEY)
        policy(td)
        env.send(td["actions"])
        rewards, ends = rewards + float(step.rewards.sum()), ends + float(flags.any(0).sum())
        seen += len(step.rewards)
    policy.reset_memory()
    if kept:
        policy.set_memory(kept)
    return {"reward": rewards / seen, "reward_per_episode": rewards / ends if ends else float("nan")}


def _agent_spec(policy: Any, env: VectorEnvironment) -> Mapping[str, Field]:
    own = getattr(policy, "get_agent_experience_spec", None)
    if own is not None:
        spec: Mapping[str, Field] = own()
        return spec
    return {OBSERVATION_KEY: observation_field(env.single_observation_space)}


def _action_field(space: Any) -> Field:
    return Field((2,) if hasattr(space, "nvec") else (), torch.int32)


def _memory(policy: Any) -> Any:
    return policy.get_memory() if hasattr(policy, "get_memory") else {}


def _group_state(policy: Any, group: int) -> dict[str, Tensor] | None:
    """The state of an environment group, by name `[L, n, H]`; None where it is new, or there is no memory.

    Raises TypeError for a memory that is not group -> (h, c), or what the policy's `state_names` name.
    """
    memory = _memory(policy)
    if not memory:
        return None
    if isinstance(memory, Mapping) and all(isinstance(key, int) for key in memory):
        state = memory.get(group)
        names = getattr(unwrap(policy), "state_names", ("lstm_h", "lstm_c"))
        return None if state is None else dict(zip(names, state, strict=True))
    raise TypeError(
        f"{type(policy).__name__}.get_memory() must map environment groups to (h, c), so that segments can "
        "start from their state; switch off segments_start_from_their_state to train them from zeros"
    )


def _without_exchange(policy: Any) -> AbstractContextManager[None]:
    """Backward passes inside keep their gradients to this rank, for a later one to exchange the sum."""
    context: AbstractContextManager[None] = policy.no_sync() if hasattr(policy, "no_sync") else nullcontext()
    return context


def _mean_over_ranks(value: Tensor) -> float:
    if dist.is_available() and dist.is_initialized():
        value = value.clone()
        dist.all_reduce(value)
        value /= dist.get_world_size()
    return float(value)

"""A run, from its config to its checkpoint, in one function."""

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_

from . import policies  # noqa: F401  (enters them)
from .registry import Policies


class Parallel(DistributedDataParallel):
    """DDP that answers for the policy inside."""

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("module"), name)


def tables(policy, env, device):
    pairs = [(kind, arg) for kind, most in enumerate(env.max_action_args) for arg in range(most + 1)]
    policy.action_index_tensor = torch.tensor(pairs, device=device, dtype=torch.int32)
    policy.cum_action_max_params = torch.tensor([0] + list(env.max_action_args), device=device).cumsum(0)
    if hasattr(policy, "activate_action_embeddings"):
        policy.activate_action_embeddings([f"{env.action_names[k]}_{a}" for k, a in pairs], device)


def gae(td, gamma, lam):
    keep = (1 - td["dones"]) * (1 - td["truncateds"])
    adv = torch.zeros_like(td["values"])
    for t in reversed(range(adv.shape[1] - 1)):
        delta = td["rewards"][:, t + 1] + gamma * td["values"][:, t + 1] * keep[:, t + 1] - td["values"][:, t]
        adv[:, t] = delta + gamma * lam * keep[:, t + 1] * adv[:, t + 1]
    return adv


def train(cfg, env, device):
    policy = Policies.build(cfg["policy"], env).to(device)
    tables(policy, env, device)
    if torch.distributed.is_initialized():
        policy = Parallel(policy)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=cfg["lr"])
    keys = ("env_obs", "actions", "act_log_prob", "values", "rewards", "dones", "truncateds")

    for _ in range(cfg["epochs"]):
        policy.reset_memory()
        steps = []
        with torch.no_grad():
            for _ in range(cfg["horizon"]):
                td = policy(env.observe())
                steps.append(td.select(*keys))
                env.act(td["actions"])
        batch = torch.stack(steps, dim=1)
        batch["advantages"] = gae(batch, cfg["gamma"], cfg["lam"])

        for picked in torch.randperm(batch.shape[0], device=device).split(cfg["rows"]):
            part = batch[picked]
            policy.reset_memory()
            out = policy(part.select("env_obs"), action=part["actions"])
            adv = part["advantages"]
            ratio = (out["act_log_prob"] - part["act_log_prob"]).exp()
            actor = -torch.min(adv * ratio, adv * ratio.clamp(0.9, 1.1)).mean()
            critic = (out["value"].squeeze(-1) - adv - part["values"]).square().mean()
            optimizer.zero_grad(set_to_none=True)
            (actor + 0.5 * critic - 0.002 * out["entropy"].mean()).backward()
            clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()

    torch.save(policy.state_dict(), cfg["path"])

"""configs -> agents, and the loop that trains them"""
import torch
from torch.nn.utils import clip_grad_norm_

from .gru import Amnesia, Borrowed, Scribe
from .mingru import MinGru, MinGruFirst


def build(env, cfg):
    kinds = dict(mingru=MinGru, first=MinGruFirst, borrowed=Borrowed, scribe=Scribe)
    try:
        kind = kinds[cfg.pop("agent_type")]
    except KeyError as error:
        raise ValueError("agent_type is one of %s" % sorted(kinds)) from error
    cfg.pop("_target_", None)
    return kind(env, **cfg)


def one_update(policy: MinGru, optimizer, scaler, minibatch):
    """mixed precision; called once for each minibatch"""
    policy.reset_memory()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        td = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        ratio = (td["act_log_prob"] - minibatch["act_log_prob"]).exp()
        loss = -(ratio * minibatch["advantages"]).mean() + (td["value"].squeeze(-1) - minibatch["returns"]).pow(2).mean()
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    clip_grad_norm_(policy.parameters(), 0.5)
    scaler.step(optimizer)
    scaler.update()
    policy.clip_weights()


def quick_updates(policy: MinGruFirst, optimizer, minibatches, every=4):
    """accumulates gradients over a few minibatches"""
    for i, minibatch in enumerate(minibatches):
        td = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        loss = -((td["act_log_prob"] - minibatch["act_log_prob"]).exp() * minibatch["advantages"]).mean()
        optimizer.zero_grad()
        (loss / every).backward()
        if (i + 1) % every == 0:
            optimizer.step()

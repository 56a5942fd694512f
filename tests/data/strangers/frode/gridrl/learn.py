"""Update steps for policies of this package."""
import torch
from torch.nn.utils import clip_grad_norm_


def ppo_terms(out, batch, clip=0.1):
    ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
    adv = batch["advantages"]
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    surrogate = torch.max(-adv * ratio, -adv * ratio.clamp(1 - clip, 1 + clip)).mean()
    value = 0.5 * (out["value"] - batch["returns"]).pow(2).mean()
    return surrogate, value, out["entropy"].mean()


def update(policy, optimizer, batches, pull=0.0, max_norm=0.5):
    for batch in batches:
        policy.reset_memory()
        out = policy(batch.select("env_obs"), action=batch["actions"])
        surrogate, value, entropy = ppo_terms(out, batch)
        loss = surrogate + 0.44 * value - 0.0021 * entropy + pull * policy.l2_init_loss()
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(policy.parameters(), max_norm)
        optimizer.step()
        policy.clip_weights()


def fit_critic(policy, optimizer, batches):
    """A few passes over old rollouts, for the value alone."""
    losses = []
    for batch in batches:
        policy.reset_memory()
        out = policy(batch.select("env_obs"), action=batch["actions"])
        loss = (out["value"] - batch["returns"]).pow(2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean()


def update_accumulated(policy, optimizer, batches, every=4, max_norm=0.5):
    """Steps once for every few minibatches."""
    for number, batch in enumerate(batches, 1):
        policy.reset_memory()
        out = policy(batch.select("env_obs"), action=batch["actions"])
        surrogate, value, entropy = ppo_terms(out, batch)
        loss = (surrogate + 0.44 * value - 0.0021 * entropy) / every
        optimizer.zero_grad()
        loss.backward()
        if number % every == 0:
            clip_grad_norm_(policy.parameters(), max_norm)
            optimizer.step()
            policy.clip_weights()

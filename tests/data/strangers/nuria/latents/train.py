import torch
from torch.nn.utils import clip_grad_norm_

from latents.policies import POLICIES


def make_policy(name, env, cfg):
    return POLICIES[name](
        env,
        hidden_size=cfg.get("hidden_size", 128),
        clip_range=cfg.get("clip_range", 0.0),
        analyze_weights_interval=cfg.get("analyze_weights_interval", 300),
    )


def ppo_loss(new, old, eps=0.1):
    ratio = torch.exp(new["act_log_prob"] - old["act_log_prob"])
    gain = torch.min(ratio * old["advantages"], ratio.clamp(1 - eps, 1 + eps) * old["advantages"])
    error = new["value"].reshape(old["returns"].shape) - old["returns"]
    return -gain.mean() + 0.5 * error.pow(2).mean() - 0.01 * new["entropy"].mean()


def update(policy, optimizer, minibatches):
    """One pass over the minibatches of a rollout, accumulated in pairs."""
    optimizer.zero_grad()
    for number, old in enumerate(minibatches):
        policy.reset_memory()
        new = policy(old.select("env_obs"), action=old["actions"])
        (ppo_loss(new, old) / 2).backward()
        if number % 2:
            clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()
            optimizer.zero_grad()


def distil(policy, optimizer, minibatches):
    """Draws a policy towards the distributions of a teacher."""
    for old in minibatches:
        new = policy(old.select("env_obs"), action=old["actions"])
        wanted = old["teacher_log_probs"]
        loss = (wanted.exp() * (wanted - new["full_log_probs"])).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()


def main(env, cfg, minibatches):
    policy = make_policy(cfg["agent"], env, cfg)
    optimizer = torch.optim.Adam(policy.parameters(), lr=cfg.get("lr", 3e-4))
    for batch in minibatches:
        update(policy, optimizer, batch)
        if hasattr(policy, "confidence"):
            print("mean probability of the likeliest action: %.3f" % policy.confidence)
    return policy

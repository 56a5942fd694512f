import torch
from torch.nn.utils import clip_grad_norm_


def split(td, policy):
    """What the policy may see of a batch, and the rest of it."""
    seen = td.select(*[k for k in policy.get_agent_experience_spec().keys()], strict=False)
    return seen, td["actions"]


def a2c_loss(out, adv, returns, entropy_coef=0.01):
    actor = -(out["act_log_prob"] * adv).mean()
    critic = (out["value"].squeeze(-1) - returns).pow(2).mean()
    return actor + 0.5 * critic - entropy_coef * out["entropy"].mean()


def ppo_loss(out, old, adv, returns, eps=0.1, entropy_coef=0.01):
    ratio = torch.exp(out["act_log_prob"] - old)
    actor = torch.max(-adv * ratio, -adv * ratio.clamp(1 - eps, 1 + eps)).mean()
    critic = (out["value"].squeeze(-1) - returns).pow(2).mean()
    return actor + 0.5 * critic - entropy_coef * out["entropy"].mean()


def make_stepper(policy, opt, max_norm=0.5):
    def descend(loss):
        opt.zero_grad()
        loss.backward()
        norm = clip_grad_norm_(policy.parameters(), max_norm)
        opt.step()
        policy.clip_weights()
        return norm
    return descend


def a2c_update(policy, descend, td, advantage):
    adv = advantage(td)
    seen, actions = split(td, policy)
    policy.reset_memory()
    out = policy(seen, action=actions)
    return descend(a2c_loss(out, adv, adv + td["values"]))


def a2c_update_halves(policy, opt, td, advantage, max_norm=0.5):
    """Two halves one after the other, for small cards."""
    adv = advantage(td)
    returns = adv + td["values"]
    for rows in torch.arange(td.batch_size[0], device=adv.device).chunk(2):
        seen, actions = split(td[rows], policy)
        policy.reset_memory()
        out = policy(seen, action=actions)
        loss = a2c_loss(out, adv[rows], returns[rows])
        loss.backward()
        clip_grad_norm_(policy.parameters(), max_norm)
        opt.step()
        policy.clip_weights()


class Replayed(object):
    """A few old batches by priority."""

    def __init__(self, size):
        self.size = size
        self.batches = []
        self.priority = torch.ones(size)
        self.age = torch.zeros(size)

    def add(self, td):
        self.batches = (self.batches + [td])[-self.size:]
        self.priority = torch.roll(self.priority, -1) if len(self.batches) == self.size else self.priority
        self.age += 1

    def draw(self, n):
        chosen = torch.multinomial(self.priority[:len(self.batches)], min(n, len(self.batches)))
        self.age[chosen] = 0
        self.priority[chosen] *= 0.5
        return [self.batches[int(i)] for i in chosen]

    def forget(self, limit):
        old = self.age > limit
        self.priority[old].fill_(1e-3)
        self.age[old].zero_()

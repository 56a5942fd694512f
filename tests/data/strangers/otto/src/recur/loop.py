import torch
from torch.nn.utils import clip_grad_norm_

from .agents import CellStack, DeepStack, LooseStack

AGENTS = dict(stack=CellStack, deep=DeepStack, loose=LooseStack)


def build(env, config):
    kwargs = dict(config)
    name = kwargs.pop("agent_type")
    return AGENTS[name](env, **kwargs)


class Learner:
    def __init__(self, agent: CellStack, lr=2.5e-4):
        self.agent = agent
        self.opt = torch.optim.AdamW(agent.parameters(), lr)

    def rollout(self, env, store):
        self.agent.reset_memory()
        while len(store) < store.capacity:
            td = env.recv()
            with torch.inference_mode():
                td = self.agent(td)
            store.append(td)
            env.send(td["actions"])

    def step(self, batch):
        self.agent.reset_memory()
        out = self.agent(batch.select("env_obs"), action=batch["actions"])
        log_ratio = out["act_log_prob"] - batch["act_log_prob"]
        loss = -(log_ratio.exp() * batch["advantages"]).mean() + 0.5 * (out["value"][..., 0] - batch["returns"]).pow(2).mean()
        self.opt.zero_grad()
        loss.backward()
        clip_grad_norm_(self.agent.parameters(), 0.5)
        self.opt.step()
        self.agent.clip_weights()
        return loss.detach()


class Impatient(Learner):
    """Accumulates four minibatches for each step."""

    every = 4

    def epoch(self, batches):
        for i, batch in enumerate(batches):
            out = self.agent(batch.select("env_obs"), action=batch["actions"])
            loss = -((out["act_log_prob"] - batch["act_log_prob"]).exp() * batch["advantages"]).mean() / self.every
            self.opt.zero_grad()
            loss.backward()
            if (i + 1) % self.every == 0:
                clip_grad_norm_(self.agent.parameters(), 0.5)
                self.opt.step()

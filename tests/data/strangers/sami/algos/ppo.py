import torch
from torch.nn.utils import clip_grad_norm_

from algos.buffer import Replay
from algos.returns import gae, td_lambda
from models import Calm, Fresh, Steady, Trace


def make(env, name, cfg):
    return {"steady": Steady, "calm": Calm}[name](env, **cfg.policy)


def collect(policy: Steady, env, replay: Replay, steps: int):
    policy.reset_memory()
    for column in range(steps):
        td, rows = env.recv()
        with torch.no_grad():
            td = policy(td)
        replay.write(rows, column, td)
        env.send(td["actions"])


def ppo(policy: Steady, env, replay: Replay, optimizer, epochs: int, batches: int):
    collect(policy, env, replay, 64)
    data = replay.td
    adv = gae(data["rewards"], data["values"], data["dones"], data["truncateds"])
    for _ in range(epochs):
        for _ in range(batches):
            rows, mb = replay.sample(32)
            policy.reset_memory()
            out = policy(mb.select("env_obs"), action=mb["actions"])
            ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            a = adv[rows]
            loss = torch.max(-a * ratio, -a * ratio.clamp(0.9, 1.1)).mean()
            loss = loss + 0.5 * (out["value"].squeeze(-1) - mb["values"] - a).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()
            replay.assign(rows, out["value"].squeeze(-1).detach())


def a2c(policy: Trace, env, replay: Replay, optimizer, updates: int):
    for _ in range(updates):
        for column in range(64):
            td, rows = env.recv()
            with torch.no_grad():
                td = policy(td)
            replay.write(rows, column, td)
            env.send(td["actions"])
        adv, _ = td_lambda(replay.td)
        policy.reset_memory()
        out = policy(replay.td.select("env_obs"), action=replay.td["actions"])
        loss = -(out["act_log_prob"][:, :-1] * adv).mean()
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()


class Fitter:
    def __init__(self, policy: Fresh, replay: Replay, lr: float):
        self.policy = policy
        self.replay = replay
        self.optimizer = torch.optim.RMSprop(policy.parameters(), lr)

    def fit(self, count: int):
        self.policy.reset_memory()
        for _ in range(count):
            rows, mb = self.replay.sample(16)
            out = self.policy(mb.select("env_obs", "last_reward"), action=mb["actions"])
            loss = -(out["act_log_prob"] * mb["rewards"]).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            clip_grad_norm_(self.policy.parameters(), 1.0)
            self.policy.clip_weights()
            self.replay.refresh(rows, out["value"].squeeze(-1).detach())

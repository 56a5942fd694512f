import torch
import torch.nn as nn

from bots.bot_a import BotA
from bots.bot_b import BotB
from bots.bot_c import BotC, BotD

BOTS = {"a": BotA, "b": BotB, "c": BotC, "d": BotD}


def new_bot(env, cfg):
    bot = BOTS[cfg["agent_type"]]
    args = {k: v for k, v in cfg.items() if k not in ("agent_type", "lr")}
    return bot(env, **args)


def quick_bot(env, cfg):
    return BOTS[cfg.agent_type](env, hidden=cfg.hidden)


def play(bot: BotC, envs, steps):
    bot.reset_memory()
    out = []
    for _ in range(steps):
        td = envs.step()
        with torch.no_grad():
            bot(td)
        envs.act(td["actions"])
        out.append(td)
    return torch.stack(out, dim=1)


def good_epoch(bot: BotC, opt, batches):
    for td in batches:
        bot.reset_memory()
        out = bot(td.select("env_obs"), action=td["actions"])
        loss = -((out["act_log_prob"] - td["act_log_prob"]).exp() * td["advantages"]).mean() + 1e-4 * bot.l2_init_loss()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(bot.parameters(), 0.5)
        opt.step()
        bot.clip_weights()


def bad_epoch(bot: BotC, opt, batches):
    for td in batches:
        out = bot(td.select("env_obs"), action=td["actions"])
        loss = -((out["act_log_prob"] - td["act_log_prob"]).exp() * td["advantages"]).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        nn.utils.clip_grad_value_(bot.parameters(), 0.5)


def worse_epoch(bot: BotC, opt, batches):
    bot.reset_memory()
    for td in batches:
        out = bot(td.select("env_obs"), action=td["actions"])
        loss = -((out["act_log_prob"] - td["act_log_prob"]).exp() * td["advantages"]).mean()
        loss.backward()
        opt.zero_grad()
        nn.utils.clip_grad_norm_(bot.parameters(), 0.5)
        opt.step()
        bot.clip_weights()


def gae(td, gamma=0.98, lam=0.95):
    r, v, d = td["rewards"], td["values"], td["dones"]
    adv = torch.zeros_like(r)
    last = 0
    T = r.shape[1]
    for k in range(T - 1):
        t = T - 2 - k
        alive = 1 - d[:, t + 1]
        delta = r[:, t + 1] + gamma * v[:, t + 1] * alive - v[:, t]
        adv[:, t] = last = delta + gamma * lam * alive * last
    return adv


def run(envs, cfg):
    bot = BotC(envs.env, **cfg["bot"])
    opt = torch.optim.RMSprop(bot.parameters(), lr=cfg["lr"])
    for _ in range(cfg["epochs"]):
        data = play(bot, envs, 64)
        data["truncateds"] = data["truncateds"].float()
        data["advantages"] = gae(data)
        good_epoch(bot, opt, data.split(32))

import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP

from .agents import Gated, Minimal, Quick


def pick(name, env, config):
    table = {"minimal": Minimal, "gated": Gated}
    wanted = {k: config[k] for k in ("width", "clip_range", "analyze_weights_interval") if k in config}
    return table[name](env, **wanted)


def quick(env, config):
    """Quick has no options worth the name."""
    return Quick(env, config["width"], config["layers"])


def main(env, buffer, config):
    dist.init_process_group("nccl")
    rank = int(os.environ["LOCAL_RANK"])
    agent = pick("gated", env, config).to(rank)
    model = DDP(agent, device_ids=[rank])
    opt = torch.optim.Adam(model.parameters(), lr=config["lr"])
    for _ in range(config["updates"]):
        agent.reset_memory()
        with torch.no_grad():
            while not buffer.ready():
                td = env.recv().to(rank)
                agent(td)
                buffer.push(td)
                env.send(td["actions"].cpu())
        for mb in buffer.sample():
            agent.reset_memory()
            out = model(mb.select("env_obs"), action=mb["actions"])
            ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            loss = -(ratio * mb["advantages"]).mean() + 0.5 * (out["value"].squeeze(-1) - mb["returns"]).square().mean()
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            opt.step()
            agent.clip_weights()
            with torch.no_grad():
                buffer.td[mb["index"]].set_("values", out["value"].squeeze(-1))

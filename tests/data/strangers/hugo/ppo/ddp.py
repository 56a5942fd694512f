"""torchrun -m ppo.ddp"""

import torch
import torch.distributed as dist
from tensordict import TensorDict
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from ppo.advantage import puff
from ppo.buffer import Buffer
from ppo.policies import Compact, History

KINDS = {"compact": Compact, "history": History}


class Distributed(DistributedDataParallel):
    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.module, name)


def make_policy(env, cfg):
    """the config's keys are the constructor's"""
    kind = KINDS[cfg["agent_type"]]
    return kind(env, **{key: cfg[key] for key in cfg if key != "agent_type"})


def spec_of(policy):
    scalar = UnboundedContinuous(shape=())
    fields = {key: scalar for key in ("rewards", "dones", "truncateds", "act_log_prob", "values")}
    actions = UnboundedDiscrete(shape=(2,), dtype=torch.int32)
    return Composite({**dict(policy.get_agent_experience_spec().items()), **fields, "actions": actions})


def rollout(policy, vecenv, buffer, device):
    policy.reset_memory()
    while not buffer.full:
        obs, reward, done, truncated, start = vecenv.recv()
        td = TensorDict({"env_obs": obs, "rewards": reward}, batch_size=[len(obs)], device=device)
        td["dones"] = done.to(device, torch.float32)
        td["truncateds"] = truncated.to(device, torch.float32)
        td["training_env_id_start"] = torch.full((len(obs),), start, device=device)
        with torch.inference_mode():
            policy(td)
        buffer.store(td, len(obs))
        vecenv.send(td["actions"].cpu())


def main(vecenv, cfg):
    dist.init_process_group("nccl")
    device = torch.device("cuda", dist.get_rank())
    policy = make_policy(vecenv.driver_env, cfg["agent"]).to(device)
    spec = spec_of(policy)
    policy = Distributed(policy, device_ids=[device])
    optimizer = torch.optim.Adam(policy.parameters(), lr=cfg["lr"])
    scaler = torch.amp.GradScaler()
    for _ in range(cfg["updates"]):
        buffer = Buffer(spec, cfg["segments"], cfg["horizon"], device)
        rollout(policy, vecenv, buffer, device)
        data = buffer.data
        adv = puff(data["values"], data["rewards"], data["dones"], data["truncateds"], 0.977, 0.916)
        for _ in range(cfg["epochs"] * cfg["segments"] // cfg["minibatch"]):
            minibatch, indices = buffer.sample(cfg["minibatch"])
            policy.reset_memory()
            with torch.autocast("cuda"):
                td = policy(minibatch.select("env_obs", "last_actions", strict=False), action=minibatch["actions"])
                ratio = (td["act_log_prob"] - minibatch["act_log_prob"]).exp()
                error = td["value"].squeeze(-1) - adv[indices] - minibatch["values"]
                loss = error.square().mean() - (ratio * adv[indices]).mean() - 0.01 * td["entropy"].mean()
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            clip_grad_norm_(policy.parameters(), 0.5)
            scaler.step(optimizer)
            scaler.update()
            policy.clip_weights()
            buffer.put(indices, TensorDict({"values": td["value"].detach().squeeze(-1)}, [len(indices)]))
    dist.destroy_process_group()


if __name__ == "__main__":
    import runpy

    main(**runpy.run_path("launch.py"))

import logging

import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from metta.agent.metta_agent import MettaAgent
from metta.rl.advantage import compute_advantage
from metta.rl.experience import Experience

logger = logging.getLogger(__name__)


def loss_spec():
    scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
    return Composite(
        rewards=scalar.clone(),
        values=scalar.clone(),
        act_log_prob=scalar.clone(),
        actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
    )


def train(vecenv, system_cfg, agent_cfg, trainer_cfg):
    device = system_cfg.device
    policy = MettaAgent(vecenv.driver_env, system_cfg, agent_cfg)
    spec = policy.get_agent_experience_spec()
    experience = Experience(
        trainer_cfg.num_segments,
        trainer_cfg.bptt_horizon,
        Composite({**dict(spec.items()), **dict(loss_spec().items())}),
        device,
    )
    optimizer = torch.optim.Adam(policy.parameters(), lr=trainer_cfg.lr, eps=1e-12)
    vecenv.async_reset(system_cfg.seed)

    for epoch in range(trainer_cfg.epochs):
        # ---- rollout ----
        policy.reset_memory()
        experience.start()
        while not experience.full:
            o, r, d, t, info, env_id, mask = vecenv.recv()
            td = TensorDict({"env_obs": torch.as_tensor(o, device=device)}, batch_size=[len(o)], device=device)
            td["rewards"] = torch.as_tensor(r, device=device)
            td["dones"] = torch.as_tensor(d, device=device).float()
            td["truncateds"] = torch.as_tensor(t, device=device).float()
            td["training_env_id_start"] = torch.full((len(o),), env_id.start, device=device)
            with torch.no_grad():
                policy(td)
            experience.store(td)
            vecenv.send(td["actions"].cpu().numpy())

        # ---- training ----
        advantages = compute_advantage(
            experience.buffer["values"],
            experience.buffer["rewards"],
            experience.buffer["dones"],
            trainer_cfg.gamma,
            trainer_cfg.gae_lambda,
        )
        for _ in range(trainer_cfg.num_minibatches):
            rows, minibatch = experience.sample(trainer_cfg.minibatch_size, advantages)
            out = policy(minibatch.select(*spec.keys()), action=minibatch["actions"])
            new_value = out["value"].squeeze(-1)
            returns = advantages[rows] + minibatch["values"]
            ratio = (out["act_log_prob"] - minibatch["act_log_prob"]).exp()
            adv = advantages[rows]
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
            pg_loss = torch.max(-adv * ratio, -adv * ratio.clamp(0.9, 1.1)).mean()
            v_loss = 0.5 * (new_value - returns).square().mean()
            loss = pg_loss + 0.44 * v_loss - 0.002 * out["entropy"].mean()

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            grad_norm = clip_grad_norm_(policy.parameters(), trainer_cfg.max_grad_norm)
            policy.clip_weights()
            experience.refresh(rows, new_value.detach())
        logger.info("epoch %d: gradient norm %.3f", epoch, grad_norm)

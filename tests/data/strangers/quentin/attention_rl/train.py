import torch
from torch.amp import GradScaler, autocast

from attention_rl.options import Options
from attention_rl.policy import Gaze, Glance, Stare

POLICIES = {"gaze": Gaze, "stare": Stare}


def create(env, options: Options):
    policy = POLICIES[options.policy](env, options=options)
    return torch.compile(policy) if options.compile else policy


def create_glance(env, options: Options):
    return Glance(env, width=options.width, num_layers=options.layers)


def fit(env, policy: Gaze, buffer, options: Options, updates: int = 1000):
    optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-4)
    scaler = GradScaler(enabled=options.amp)
    for _ in range(updates):
        policy.reset_memory()
        with torch.no_grad():
            while not buffer.ready:
                td = env.recv()
                policy(td)
                buffer.put(td)
                env.send(td["actions"])
        for batch in buffer.minibatches():
            policy.reset_memory()
            with autocast("cuda", enabled=options.amp):
                out = policy(batch.select("env_obs"), action=batch["actions"])
                ratio = torch.exp(out["act_log_prob"] - batch["act_log_prob"])
                surrogate = torch.minimum(ratio * batch["adv"], ratio.clip(0.8, 1.2) * batch["adv"])
                loss = -surrogate.mean() - 0.01 * out["entropy"].mean()
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            policy.clip_weights()


def fit_glance(env, policy: Glance, buffer, options: Options):
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
    policy.reset_memory()
    for batch in buffer.minibatches():
        out = policy(batch.select("env_obs"), action=batch["actions"])
        loss = -(out["act_log_prob"] * batch["adv"]).mean()
        loss.backward()
        policy.clip_weights()
        optimizer.step()

import torch
from agents import make


def train(env, steps, size):
    policy = make(env)
    optimizer = torch.optim.Adam(policy.parameters())
    while True:
        seen = []
        with torch.no_grad():
            for _ in range(steps):
                td = env.recv()
                policy(td)  # expect: PF601
                env.send(td["actions"])
                seen.append(td.select("env_obs", "actions", "act_log_prob"))
        rollout = torch.stack(seen, 1)
        for rows in torch.randperm(rollout.shape[0]).split(size):
            policy.reset_memory()
            out = policy(rollout[rows].select("env_obs"), action=rollout["actions"][rows])
            loss = -out["act_log_prob"].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()

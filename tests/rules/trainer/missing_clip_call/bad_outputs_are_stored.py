import torch


def train(policy, optimizer, env, buffer) -> None:
    for _ in range(100):
        policy.reset_memory()
        while not buffer.full:
            td = env.step()
            with torch.no_grad():
                td = policy(td)
            buffer.store(td)
        policy.reset_memory()
        out = policy(buffer.data.select("env_obs"), action=buffer.data["actions"])
        optimizer.zero_grad()
        (-out["act_log_prob"] * buffer.data["advantages"]).mean().backward()
        optimizer.step()  # expect: PF602

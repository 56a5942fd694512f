import torch


def learn(policy, optimizer, buffer, epochs: int, size: int) -> None:
    for _ in range(epochs):
        for rows in torch.randperm(buffer.size).split(size):
            minibatch = buffer.data[rows]
            policy.reset_memory()
            out = policy(minibatch.select("env_obs"), action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
            buffer.data[rows].update_({"values": out["value"].detach()})  # expect: PF605

import torch


def update(policy, optimizer, buffer):
    for rows in torch.randperm(buffer.size).split(64):
        minibatch = buffer.data[rows]
        policy.reset_memory()
        td = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        loss = -(td["act_log_prob"] * minibatch["advantages"]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
        buffer.data[rows].update_({"values": td["value"].detach().squeeze(-1)})  # expect: PF605


def prioritise(policy, optimizer, data):
    policy.reset_memory()
    td = policy(data.select("env_obs"), action=data["actions"])
    optimizer.zero_grad()
    td["act_log_prob"].mean().neg().backward()
    optimizer.step()
    policy.clip_weights()
    scores, fresh = data["scores"], torch.nonzero(td["entropy"].sum(1)).squeeze(-1)
    scores[fresh].copy_(td["entropy"][fresh].sum(1))  # expect: PF605

import torch


def learn(policy, optimizer, buffer) -> None:
    for minibatch in buffer.sample():
        policy.reset_memory()
        out = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
        with torch.no_grad():
            buffer.td[minibatch["index"]].set_("values", out["value"].squeeze(-1))  # expect: PF605

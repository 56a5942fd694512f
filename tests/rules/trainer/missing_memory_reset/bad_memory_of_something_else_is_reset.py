import torch
from tensordict import TensorDict


def train(policy, optimizer, env, buffer, monitor):
    for _epoch in range(100):
        policy.reset_memory()
        while not buffer.full:
            observation, group = env.recv()
            td = TensorDict({"env_obs": observation}, batch_size=[len(observation)])
            td["training_env_id_start"] = group
            with torch.no_grad():
                policy(td)
            buffer.store(td)
        for minibatch in buffer.minibatches():
            monitor.reset()
            out = policy(minibatch, action=minibatch["actions"])  # expect: PF601
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()

import torch


def train(policy, optimizer, env, minibatches):
    fast = torch.compile(policy)
    policy.reset_memory()
    for _ in range(64):
        td = env.recv()
        env.send(policy(td)["actions"])
    for td in minibatches:
        policy.reset_memory()
        loss = -fast(td, action=td["actions"])["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()

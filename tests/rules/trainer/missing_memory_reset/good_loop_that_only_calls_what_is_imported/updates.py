from tensordict import TensorDict


def update(policy, optimizer, td):
    policy.reset_memory()
    loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()


def collect(policy, env):
    policy.reset_memory()
    for _ in range(64):
        td = TensorDict({"env_obs": env.recv()}, [64])
        env.send(policy(td)["actions"])
    return td

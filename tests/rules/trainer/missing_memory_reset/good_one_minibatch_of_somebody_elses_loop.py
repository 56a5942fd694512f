def update(policy, optimizer, td):
    """The caller resets the memory."""
    loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()


def describe(policy):
    return {"memory": policy.has_memory()}

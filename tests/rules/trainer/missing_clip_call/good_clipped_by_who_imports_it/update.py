def update_once(policy, optimizer, td):
    policy.reset_memory()
    loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

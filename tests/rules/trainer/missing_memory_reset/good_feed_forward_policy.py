def train(policy, optimizer, batches):
    for td in batches:
        loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()

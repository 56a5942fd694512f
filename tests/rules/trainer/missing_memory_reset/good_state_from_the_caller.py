def update(policy, optimizer, minibatches, states):
    for td in minibatches:
        out = policy(td, states[td["rows"]], td["actions"])
        loss = -out["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()

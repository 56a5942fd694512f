def train(policy, experience, optimizer):
    names = policy.get_agent_experience_spec().keys()
    for minibatch in experience:
        td = minibatch.select(*names)
        td["last_actions"] = minibatch["actions"].roll(1, 1)
        loss = policy(td, action=minibatch["actions"])["value"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

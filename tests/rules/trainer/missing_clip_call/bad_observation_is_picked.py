import torch


def imitate(policy, optimizer, minibatches):
    for minibatch in minibatches:
        out = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        wanted = minibatch["teacher"]
        loss = (wanted.exp() * (wanted - out["full_log_probs"])).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()  # expect: PF602

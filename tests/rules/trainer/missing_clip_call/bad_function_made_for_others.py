import torch


def make_step(policy, optimizer):
    def descend(minibatch):
        policy.reset_memory()
        out = policy(minibatch, action=minibatch["actions"])
        loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()  # expect: PF602
        return loss.detach()

    return descend

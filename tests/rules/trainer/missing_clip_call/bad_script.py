import torch

from agents import make_policy, make_rollouts

policy = make_policy()
optimizer = torch.optim.Adam(policy.parameters())
for td in make_rollouts(policy):
    policy.reset_memory()
    loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()  # expect: PF602

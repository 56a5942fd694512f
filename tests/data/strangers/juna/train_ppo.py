"""python train_ppo.py: the settings of the last sweep, nothing to choose."""
import gridtokens
import torch
from torch.nn.utils import clip_grad_norm_

from advantages import make_gae
from agents import Reader
from rollouts import collect, score
from train_a2c import install
from updates import ppo_loss, split

DEVICE = torch.device("cuda")
EPOCHS = 3

env = gridtokens.make(128)
policy = install(Reader(env, hidden_size=256, clip_range=1.0, analyze_weights_interval=300).to(DEVICE), env, DEVICE)
opt = torch.optim.AdamW(policy.parameters(), lr=3e-4)
advantage = make_gae(0.98, 0.92)

for update in range(2000):
    td = collect(policy, env, 65, DEVICE)
    adv = advantage(td)
    returns = adv + td["values"]
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for _ in range(EPOCHS):
        for rows in torch.randperm(td.batch_size[0], device=DEVICE).chunk(4):
            seen, actions = split(td[rows], policy)
            policy.reset_memory()
            out = policy(seen, action=actions)
            loss = ppo_loss(out, td["act_log_prob"][rows], adv[rows], returns[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            clip_grad_norm_(policy.parameters(), 0.5)
    if update % 50 == 0:
        print(update, score(policy, gridtokens.make, 10, DEVICE))

# Goes on from a checkpoint on a single machine: python finetune.py slate.pt
import sys

import torch
from torch.nn.utils import clip_grad_norm_

import losses
from estimators import Gae
from policies.slate import Slate
from sim import Sim
from storage import Store

EPOCHS, ACCUMULATE = 20, 4
device = "cuda" if torch.cuda.is_available() else "cpu"
sim = Sim(num_envs=8)
policy = sim.equip(Slate(sim, clip_range=0.5, analyze_weights_interval=300), device)
policy.load_state_dict(torch.load(sys.argv[1], map_location=device))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-5)
store = Store(policy, segments=16, horizon=32, device=device)
estimate = Gae()

for epoch in range(EPOCHS):
    with torch.no_grad():
        store.fill(sim, policy, device)
    store.finish(estimate(store.td))
    running = 0.0
    for number, (rows, minibatch) in enumerate(store.split(4)):
        policy.reset_memory()
        out = policy(minibatch.select(*store.seen), action=minibatch["actions"])
        loss = losses.ppo(out, minibatch, store.advantages[rows]) / ACCUMULATE
        optimizer.zero_grad()
        loss.backward()
        running += loss.item()
        if (number + 1) % ACCUMULATE == 0:
            clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()
    print(epoch, running)
    torch.save({"policy": policy.state_dict(), "optimizer": optimizer.state_dict()}, "finetuned.pt")

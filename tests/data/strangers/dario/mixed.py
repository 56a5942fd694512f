"""Epochs in mixed precision."""
import torch
from torch.nn.utils import clip_grad_norm_

import losses


def scaled_epoch(policy, optimizer, store, scaler, size, device):
    for rows, minibatch in store.split(size):
        policy.reset_memory()
        with torch.autocast(device):
            out = policy(minibatch.select(*store.seen), action=minibatch["actions"])
            loss = losses.ppo(out, minibatch, store.advantages[rows])
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        clip_grad_norm_(policy.parameters(), 0.5)
        scaler.step(optimizer)
        scaler.update()
        policy.clip_weights()


def skipping_epoch(policy, optimizer, store, scaler, size, device, ceiling=50.0):
    """Leaves out minibatches whose gradients explode."""
    skipped = 0
    for rows, minibatch in store.split(size):
        policy.reset_memory()
        with torch.autocast(device):
            out = policy(minibatch.select(*store.seen), action=minibatch["actions"])
            loss = losses.ppo(out, minibatch, store.advantages[rows])
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = clip_grad_norm_(policy.parameters(), 0.5)
        if norm.item() < ceiling:
            scaler.step(optimizer)
        else:
            skipped += 1
        scaler.update()
    return skipped


def bfloat_epoch(policy, optimizer, store, size, device):
    """No scaler is needed where exponents are as wide as those of float32."""
    for rows, minibatch in store.split(size):
        policy.reset_memory()
        with torch.autocast(device, dtype=torch.bfloat16):
            out = policy(minibatch.select(*store.seen), action=minibatch["actions"])
            loss = losses.ppo(out, minibatch, store.advantages[rows])
        loss.backward()
        optimizer.step()
        clip_grad_norm_(policy.parameters(), 0.5)
        policy.clip_weights()
        optimizer.zero_grad()

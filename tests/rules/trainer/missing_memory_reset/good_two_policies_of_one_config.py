import torch


def train(make, config, optimizer, minibatches):
    first, second = make(config), make(config)
    for td in minibatches:
        first.reset_memory()
        shown = first(td, action=td["actions"])["full_log_probs"].detach()
        second.reset_memory()
        loss = (shown - second(td, action=td["actions"])["full_log_probs"]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        second.clip_weights()

import torch


def train(model, optimizer, corpus):
    for tokens, targets in corpus:
        loss = torch.nn.functional.cross_entropy(model(tokens), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

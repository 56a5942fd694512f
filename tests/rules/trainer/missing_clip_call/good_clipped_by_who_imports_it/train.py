import torch

import update


def train(policy, batches):
    optimizer = torch.optim.Adam(policy.parameters())
    for td in batches:
        update.update_once(policy, optimizer, td)
        policy.clip_weights()

import torch
from tensordict import TensorDict


def train(actor, critic, optimizer, sampler):
    """Off-policy update; the text says clip_weights( and env_obs, the code does not."""
    for batch in sampler:
        td = TensorDict({"observation": batch["observation"]}, batch_size=[len(batch)])
        actor(td)
        loss = critic(td)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

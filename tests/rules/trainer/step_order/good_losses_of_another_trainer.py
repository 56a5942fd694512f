import torch


def train(losses, optimizer, env, buffer, accumulate):
    """Nothing says that the policy serves the contract."""
    for _epoch in range(100):
        while not buffer.full:
            observation, group = env.recv()
            td = buffer.empty_rows(len(observation))
            td["frames"] = observation
            td.set("first_row", torch.full(td.batch_size, group))
            for loss in losses:
                loss.rollout(td)
        for index, minibatch in enumerate(buffer.minibatches()):
            total = sum(loss.train(minibatch) for loss in losses)
            optimizer.zero_grad()
            total.backward()
            if (index + 1) % accumulate == 0:
                optimizer.step()

import torch


def train(losses, optimizer, env, buffer, accumulate):
    """The losses run the policy; what they are given shows whose it is."""
    for _epoch in range(100):
        while not buffer.full:
            observation, group = env.recv()
            td = buffer.empty_rows(len(observation))
            td["env_obs"] = observation
            td.set("training_env_id_start", torch.full(td.batch_size, group))
            for loss in losses:
                loss.rollout(td)
        for index, minibatch in enumerate(buffer.minibatches()):
            total = sum(loss.train(minibatch) for loss in losses)
            optimizer.zero_grad()  # expect: PF603
            total.backward()
            if (index + 1) % accumulate == 0:
                optimizer.step()

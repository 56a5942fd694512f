import torch


def weigh(minibatch) -> torch.Tensor:
    # The caller reads the weights.
    minibatch["weights"] = minibatch["advantages"].abs()
    return -(minibatch["act_log_prob"] * minibatch["advantages"]).mean()


def learn(policy, optimizer, data, size: int) -> list[torch.Tensor]:
    seen = []
    for rows in torch.randperm(len(data)).split(size):
        policy.reset_memory()
        minibatch = policy(data[rows], action=data["actions"][rows])
        loss = weigh(minibatch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
        seen.append(minibatch["weights"])
    return seen

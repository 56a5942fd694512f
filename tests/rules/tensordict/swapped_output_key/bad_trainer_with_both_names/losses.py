from tensordict import TensorDict


def value_loss(policy, minibatch: TensorDict):
    evaluated = policy(minibatch.clone(), action=minibatch["actions"])
    moved = (evaluated["value"] - minibatch["values"].flatten()).abs().mean()
    return (evaluated["value"] - minibatch["returns"].flatten()).pow(2).mean() + 0.1 * moved

from tensordict import TensorDict


def value_loss(policy, minibatch: TensorDict):
    evaluated = policy(minibatch.clone(), action=minibatch["actions"])
    return (evaluated["values"] - minibatch["returns"].flatten()).pow(2).mean()

from step import take


def train(policy, optimizer, batches):
    for td in batches:
        take(policy, optimizer, td)
        policy.clip_weights()

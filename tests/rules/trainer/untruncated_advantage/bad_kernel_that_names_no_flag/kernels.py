def backwards(rewards, values, ended, gamma, lam):
    running, found = 0.0, []
    for t in reversed(range(values.shape[1] - 1)):
        goes_on = 1.0 - ended[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on - values[:, t]
        running = delta + gamma * lam * goes_on * running  # expect: PF606
        found.append(running)
    return found[::-1]

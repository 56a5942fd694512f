def ppo(out, minibatch, advantages, entropy_weight=0.002, value_weight=0.5, clip=0.1):
    log_ratio = out["act_log_prob"] - minibatch["act_log_prob"]
    ratio = log_ratio.exp()
    scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    surrogate = -(ratio * scaled).min(ratio.clamp(1 - clip, 1 + clip) * scaled).mean()
    value = out["value"].view(minibatch["returns"].shape)
    regression = (value - minibatch["returns"]).pow(2).mean()
    return surrogate + value_weight * regression - entropy_weight * out["entropy"].mean()


def agreement(log_probs, reference):
    return (reference.exp() * (reference - log_probs)).sum(-1).mean()

import torch, torch.nn as nn


def ortho(layer, gain=2**0.5):
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None: nn.init.zeros_(layer.bias)
    return layer


def core_init(core):
    for k, p in core.named_parameters():
        (nn.init.orthogonal_ if k.startswith("weight") else nn.init.ones_)(p)
    return core


def n_actions(env):
    return sum(m + 1 for m in env.max_action_args)


def fold(td):
    """-> flat td (stamped), B, T"""
    B, T = td.shape if len(td.shape) == 2 else (td.shape[0], 1)
    f = td.flatten(0, 1) if len(td.shape) == 2 else td
    dev = f["env_obs"].device
    f["bptt"], f["batch"] = (torch.full((B * T,), n, dtype=torch.int64, device=dev) for n in (T, B))
    return f, B, T


def goes_on(f, B, T):
    """[B, T, 1] float, 0 where an episode starts"""
    over = torch.zeros(B * T, dtype=torch.bool, device=f["env_obs"].device)
    if (d := f.get("dones", None)) is not None: over = over | d.bool()
    if (t := f.get("truncateds", None)) is not None: over = over | t.bool()
    return over.logical_not().float().view(B, T, 1)


class Acts:
    # tables come from the trainer
    def a2i(self, a): return self.cum_action_max_params[a[:, 0].long()] + a.long().sum(1)

    def i2a(self, i): return self.action_index_tensor[i].int()

    def write(self, f, logits, v, a):
        lp = logits.log_softmax(-1)
        if a is None:
            i = lp.exp().multinomial(1)
            f["actions"], f["values"] = self.i2a(i.squeeze(-1)), v.flatten()
        else:
            i = self.a2i(a.reshape(-1, a.shape[-1])).unsqueeze(-1)
            f["entropy"], f["value"] = -(lp * lp.exp()).sum(-1), v
        f["act_log_prob"], f["full_log_probs"] = lp.gather(-1, i).squeeze(-1), lp
        return f

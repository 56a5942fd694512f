import torch
import torch.nn as nn
import torch.nn.functional as F


def flatten_time(td):
    if len(td.batch_size) == 1:
        return td, td.batch_size[0], 1
    b, t = td.batch_size
    return td.reshape(b * t), b, t


def put_stamps(td, *, b, t):
    like = td["env_obs"]
    for key, number in (("bptt", t), ("batch", b)):
        td[key] = torch.full(
            size=(b * t,),
            fill_value=number,
            dtype=torch.int64,
            device=like.device,
        )
    return td


def detach(x):
    if torch.is_tensor(x):
        return x.detach()
    if isinstance(x, dict):
        return {k: detach(v) for k, v in x.items()}
    return type(x)(detach(v) for v in x)


def rnn_weights(rnn):
    for p in rnn.parameters():
        if p.ndim == 2:
            torch.nn.init.orthogonal_(p)
        else:
            torch.nn.init.constant_(p, 1.0)
    return rnn


def joint(policy, action):
    a = action.flatten(0, -2).long()
    return a[:, 0] + policy.cum_action_max_params[a[:, 0]] + a[:, 1]


class Memo(dict):
    """State by group; copies and pickles of it are empty."""

    def __reduce__(self):
        return Memo, ()

    def __deepcopy__(self, memo):
        return Memo()


class Tokens(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.kind = nn.Embedding(256, 12)
        self.f1 = nn.Linear(15, 64)
        self.f2 = nn.Linear(64, width)

    def forward(self, tok):
        real = (tok[..., 0] != 255).float()
        pos = torch.stack([tok[..., 0] >> 4, tok[..., 0] & 15], -1).float() / 10.0 - 1.0
        z = torch.cat([pos, tok[..., 2:].float() / 255.0, self.kind(tok[..., 1].long())], -1)
        z = F.leaky_relu(self.f1(z))
        z = (z * real[..., None]).sum(-2) / real.sum(-1, keepdim=True).clamp_min(1.0)
        return F.leaky_relu(self.f2(z))

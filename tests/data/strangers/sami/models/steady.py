import torch
import torch.nn as nn
from tensordict import TensorDict

from models import common


class Steady(nn.Module):
    def __init__(self, env, width=96, clip_range=0.0, analyze_weights_interval=300, **extra):
        super().__init__()
        if extra:
            raise TypeError(f"Steady does not know {', '.join(extra)}")
        self.clip_range = float(clip_range)
        self.analyze_weights_interval = analyze_weights_interval
        self.enc = common.Tokens(width)
        self.gru = common.rnn_weights(nn.GRU(width, width, num_layers=2, batch_first=True))
        n = sum(m + 1 for m in env.max_action_args)
        self.pi = nn.Linear(width, n)
        self.v = nn.Linear(width, 1)
        self._memo = common.Memo()

    # trainer's side
    def has_memory(self):
        return True

    def get_memory(self):
        return {k: v.clone() for k, v in self._memo.items()}

    def set_memory(self, memory):
        self._memo = common.Memo(memory)

    def reset_memory(self):
        self._memo.clear()

    def clip_weights(self):
        r = self.clip_range
        if r > 0:
            for m in self.modules():
                if type(m) is nn.Linear:
                    m.weight.detach().clamp_(-r, r)

    def l2_init_loss(self):
        return torch.zeros((), device=self.v.weight.device)

    def _slot(self, td):
        return int(td["training_env_id_start"][0]) if "training_env_id_start" in td.keys() else "train"

    @torch._dynamo.disable()
    def _recur(self, td, z, b):
        slot = self._slot(td)
        h = self._memo.get(slot)
        if h is not None:
            for flag in [td.get("dones", None), td.get("truncateds", None)]:
                if flag is not None and flag.numel() == b:
                    h = torch.where(flag.reshape(1, b, 1) > 0, torch.zeros_like(h), h)
        z, h = self.gru(z, h)
        self._memo[slot] = common.detach(h)
        return z

    def forward(self, td: TensorDict, state=None, action=None):
        flat, b, t = common.flatten_time(td)
        common.put_stamps(flat, b=b, t=t)
        z = self.enc(flat["env_obs"]).reshape(b, t, -1)
        z = self._recur(flat, z, b).reshape(b * t, -1)
        logp = self.pi(z).log_softmax(dim=-1)
        value = self.v(z)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)
            flat["actions"] = self.action_index_tensor[i.view(-1)].to(torch.int32)
            flat["act_log_prob"] = logp.gather(-1, i).view(-1)
            flat["values"] = value.view(-1)
            flat["full_log_probs"] = logp
            return flat
        i = common.joint(self, action)
        flat["act_log_prob"] = logp[range(b * t), i]
        flat["entropy"] = torch.special.entr(logp.exp()).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = logp
        return flat.reshape(b, t)


class Calm(Steady):
    """Also sees what it did last."""

    def __init__(self, env, width=96, **options):
        super().__init__(env, width=width, **options)
        self.last = nn.Embedding(64, width)

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedDiscrete

        return Composite(
            {
                "env_obs": UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
                "last_index": UnboundedDiscrete(shape=(), dtype=torch.int64),
            }
        )

    def forward(self, td: TensorDict, state=None, action=None):
        flat, b, t = common.flatten_time(td)
        common.put_stamps(flat, b=b, t=t)
        z = self.enc(flat["env_obs"]) + self.last(flat["last_index"])
        z = self._recur(flat, z.reshape(b, t, -1), b).reshape(b * t, -1)
        logp = self.pi(z).log_softmax(dim=-1)
        value = self.v(z)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)
            flat["actions"] = self.action_index_tensor[i.view(-1)].to(torch.int32)
            flat["act_log_prob"] = logp.gather(-1, i).view(-1)
            flat["values"] = value.view(-1)
            flat["full_log_probs"] = logp
            return flat
        i = common.joint(self, action)
        flat["act_log_prob"] = logp.gather(-1, i[:, None])[:, 0]
        flat["entropy"] = torch.special.entr(logp.exp()).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = logp
        return flat.reshape(b, t)

import pufferlib.models
import torch
import torch.nn as nn
import torch.nn.functional as F


class OldAttn(pufferlib.models.LSTMWrapper):
    """attention over tokens, then the usual lstm. keeps its state (I think)"""

    def __init__(self, env, policy=None, input_size=64, hidden_size=64, **kwargs):
        if policy is None:
            policy = AttnNet(env, hidden_size)
        super().__init__(env, policy, input_size, hidden_size)
        self.memory = {}

    def forward(self, td, state=None, action=None):
        if td.batch_dims > 1:
            B, T = td.batch_size[0], td.batch_size[1]
        else:
            B, T = td.batch_size[0], 1
        td = td.reshape(B * T)
        td.set("bptt", torch.full((B * T,), B, device=td.device, dtype=torch.long))
        td.set("batch", torch.full((B * T,), T, device=td.device, dtype=torch.long))
        x = self.policy.encode_observations(td["env_obs"], state)
        x = x.view(B, T, -1).transpose(0, 1)
        slot = td["training_env_id_start"][0].item() if "training_env_id_start" in td.keys() else 0
        out, new = self.lstm(x, self.memory.get(slot))
        self.memory[slot] = new
        out = out.transpose(0, 1).reshape(B * T, -1)
        logits, value = self.policy.decode_actions(out)
        logp = F.log_softmax(logits, -1)
        if action is None:
            pick = torch.multinomial(logp.exp(), 1)
            td["actions"] = torch.zeros((B, 2), dtype=torch.int32, device=logp.device)
            td["act_log_prob"] = logp.gather(1, pick).view(-1)
            td["values"] = value.view(-1)
            td["full_log_probs"] = logp
            return td
        pick = torch.multinomial(logp.exp(), 1)
        td["act_log_prob"] = logp.gather(1, pick).view(-1)
        td["value"] = value
        td["full_log_probs"] = logp
        return td

    def get_memory(self):
        return self.memory

    def reset_memory(self):
        pass

    def clip_weights(self):
        pass


class AttnNet(nn.Module):
    def __init__(self, env, hidden_size):
        super().__init__()
        self.is_continuous = False
        self.tok = nn.Embedding(256, 16, padding_idx=255)
        nn.init.normal_(self.tok.weight, std=0.02)
        self.coord = nn.Embedding(256, 15)
        self.pos = torch.randn(1, 200, 32)
        self.attn = nn.MultiheadAttention(32, 4, batch_first=True)
        self.out = nn.Linear(32, hidden_size)
        self.actor = nn.Linear(hidden_size, int(sum(m + 1 for m in env.max_action_args)))
        self.value = nn.Linear(hidden_size, 1)

    def encode_observations(self, obs, state=None):
        pad = obs[..., 0] == 255
        lengths = (obs[..., 0] == 255).int().argmax(dim=1)
        n = int(lengths.max())
        if n == 0:
            n = obs.shape[1]
        val = obs[..., 2:].float()
        if val.max() > 1:
            val = val / 255.0
        x = torch.cat([self.tok(obs[..., 1].long()), self.coord(obs[..., 0].long()), val], -1)
        x = (x + self.pos)[:, :n]
        y, _ = self.attn(x, x, x, key_padding_mask=pad[:, :n])
        return torch.relu(self.out(y.mean(1)))

    def decode_actions(self, h):
        return self.actor(h), self.value(h)

import numpy as np
import pufferlib.models
import pufferlib.pytorch
import torch
import torch.nn as nn
import torch.nn.functional as F


class OldFast(pufferlib.models.LSTMWrapper):
    def __init__(self, env, policy=None, cnn_channels=64, input_size=128, hidden_size=128):
        if policy is None:
            policy = Net(env, cnn_channels, hidden_size)
        super(OldFast, self).__init__(env, policy, input_size, hidden_size)

    def forward(self, td, state=None, action=None):
        obs = td["env_obs"]
        if state is None:
            state = {"lstm_h": None, "lstm_c": None}
        if obs.dim() == 4:
            B, T = obs.shape[:2]
            td = td.reshape(B * T)
        else:
            B, T = obs.shape[0], 1
        hidden = self.policy.encode_observations(obs, state)
        hidden = hidden.view(B, T, -1).transpose(0, 1)
        if state["lstm_h"] is not None:
            lstm_state = (state["lstm_h"], state["lstm_c"])
        else:
            lstm_state = None
        out, (h, c) = self.lstm(hidden, lstm_state)
        flat = out.transpose(0, 1).reshape(B * T, -1)
        logits, value = self.policy.decode_actions(flat)
        logp = F.log_softmax(logits, dim=-1)
        p = logp.exp()
        if action is None:
            a = torch.multinomial(p, 1).view(-1)
            td["actions"] = self.action_index_tensor[a].to(torch.int32)
            td["act_log_prob"] = logp[torch.arange(B, device=obs.device), a]
            td["values"] = value.flatten()
            td["full_log_probs"] = logp
        else:
            action = action.view(B * T, -1)
            a = self._convert_action_to_logit_index(action)
            td["act_log_prob"] = logp[torch.arange(B * T, device=obs.device), a]
            td["entropy"] = -(p * logp).sum(-1)
            td["value"] = value
            td["full_log_probs"] = logp
            td = td.reshape(B, T)
        return td

    def _convert_action_to_logit_index(self, action):
        kinds = action[:, 0].long()
        args = action[:, 1].long()
        return self.cum_action_max_params[kinds] + args


class Net(nn.Module):
    def __init__(self, env, cnn_channels, hidden_size):
        super().__init__()
        self.channels, self.w, self.h = 22, 11, 11
        self.is_continuous = False
        self.cnn1 = pufferlib.pytorch.layer_init(nn.Conv2d(22, cnn_channels, 5, stride=3))
        self.cnn2 = pufferlib.pytorch.layer_init(nn.Conv2d(cnn_channels, cnn_channels, 3))
        self.fc = pufferlib.pytorch.layer_init(nn.Linear(cnn_channels, hidden_size))
        self.action_embeddings = nn.Embedding(100, 16)
        self.actor_1 = pufferlib.pytorch.layer_init(nn.Linear(hidden_size, 512))
        self.heads = nn.ModuleList(
            [pufferlib.pytorch.layer_init(nn.Linear(512 + 16, n), std=0.01) for n in env.single_action_space.nvec]
        )
        self.value_head = pufferlib.pytorch.layer_init(nn.Linear(hidden_size, 1), std=1)
        norm = [9, 1, 1, 10, 3, 254, 1, 1, 235, 8, 9, 250, 29, 1, 1, 8, 1, 1, 6, 3, 1, 2]
        self.register_buffer("norm", torch.tensor(norm, dtype=torch.float32)[None, :, None, None])

    def encode_observations(self, tokens, state=None):
        if tokens.dim() == 4:
            tokens = tokens.reshape(-1, tokens.shape[-2], 3)
        N = tokens.shape[0]
        # get rid of the padding
        tokens[tokens == 255] = 0
        coords = tokens[..., 0].to(torch.uint8)
        x = (coords >> 4).long()
        y = (coords & 15).long()
        attr = tokens[..., 1].long()
        val = tokens[..., 2].float()
        box = torch.zeros((N, 22, self.w, self.h), device=tokens.device)
        ok = (coords != 255) & (x < self.w) & (y < self.h) & (attr < 22)
        row = torch.arange(N, device=tokens.device)[:, None].expand_as(attr)
        box[row[ok], attr[ok], x[ok], y[ok]] = val[ok]
        z = box / self.norm
        z = self.cnn1(z)
        z = self.cnn2(z)
        z = z.flatten(1)
        return F.relu(self.fc(z))

    def decode_actions(self, hidden):
        feat = F.relu(self.actor_1(hidden))
        emb = self.action_embeddings.weight.mean(dim=0).unsqueeze(0).expand(hidden.shape[0], -1)
        feat = torch.cat([feat, emb], dim=-1)
        logits = torch.cat([head(feat) for head in self.heads], dim=-1)
        return logits, self.value_head(hidden)

"""An LSTM around a net with `encode_observations` and `decode_actions`."""

import torch
from torch import nn


class LSTMWrapper(nn.Module):
    def __init__(
        self, env, net, input_size=128, hidden_size=128, clip_range=0.0, analyze_weights_interval=300
    ):
        super().__init__()
        self.policy = net
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers=2)
        for name, param in self.lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(param, 1)
            else:
                nn.init.constant_(param, 1)
        empty = torch.zeros(2, env.num_envs, hidden_size)
        self.register_buffer("hidden", empty, persistent=False)
        self.register_buffer("cell", empty.clone(), persistent=False)
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def has_memory(self):
        return True

    def get_memory(self):
        return {"hidden": self.hidden.clone(), "cell": self.cell.clone()}

    def set_memory(self, memory):
        self.hidden.copy_(memory["hidden"])
        self.cell.copy_(memory["cell"])

    def reset_memory(self):
        self.hidden.zero_()
        self.cell.zero_()

    def __getstate__(self):
        state = self.__dict__.copy()
        blank = {key: torch.zeros_like(state["_buffers"][key]) for key in ("hidden", "cell")}
        state["_buffers"] = {**state["_buffers"], **blank}
        return state

    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.weight.data.clamp_(-self.clip_range, self.clip_range)
                module.bias.data.clamp_(-self.clip_range, self.clip_range)

    def activate_action_embeddings(self, full_action_names, device):
        if hasattr(self.policy, "activate_action_embeddings"):
            self.policy.activate_action_embeddings(full_action_names, device)

    def unroll(self, x):
        """[T, B, input] from nothing: what training does."""
        return self.lstm(x)[0]

    def act(self, x, td):
        """[1, B, input] from what each environment remembers."""
        rows = td["training_env_id_start"].long() + torch.arange(x.shape[1], device=x.device)
        goes_on = ((1 - td["dones"].float()) * (1 - td["truncateds"].float())).view(1, -1, 1)
        out, (h, c) = self.lstm(x, (self.hidden[:, rows] * goes_on, self.cell[:, rows] * goes_on))
        self.hidden.index_copy_(1, rows, h.detach())
        self.cell.index_copy_(1, rows, c.detach())
        return out

    def forward(self, td, state=None, action=None):
        obs = td["env_obs"]
        if action is None:
            B, TT = obs.shape[0], 1
        else:
            B, TT = obs.shape[0], obs.shape[1]
            td = td.reshape(B * TT)
        td["bptt"] = torch.full((B * TT,), TT, device=obs.device, dtype=torch.int64)
        td["batch"] = torch.full((B * TT,), B, device=obs.device, dtype=torch.int64)

        x = self.policy.encode_observations(td["env_obs"])
        x = x.view(B, TT, -1).transpose(0, 1)
        x = self.act(x, td) if action is None else self.unroll(x)
        logits, value = self.policy.decode_actions(x.transpose(0, 1).reshape(B * TT, -1))

        log_probs = torch.log_softmax(logits, dim=-1)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), num_samples=1).view(-1)
            td["actions"] = self.action_index_tensor[index].to(dtype=torch.int32)
            td["values"] = value.flatten()
        else:
            pairs = action.reshape(B * TT, 2).long()
            index = pairs.sum(dim=-1) + self.cum_action_max_params[pairs[:, 0]]
            td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
            td["value"] = value
        td["act_log_prob"] = log_probs[torch.arange(B * TT, device=obs.device), index]
        return td if action is None else td.reshape(B, TT)

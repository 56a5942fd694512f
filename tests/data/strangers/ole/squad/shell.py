"""The recurrent shell around a net.

A net offers `features`, `encode_observations(observations)` and `decode_actions(hidden) -> (logits, value)`.
"""
import torch
from torch import nn
from torch.distributions import Categorical


class Shell(nn.Module):
    def __init__(
        self,
        env,
        net,
        hidden_size=128,
        num_layers=1,
        clip_range=0.0,
        analyze_weights_interval=300,
        capacity=4096,
    ):
        super().__init__()
        self.net = net
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.rnn = nn.LSTM(net.features, hidden_size, num_layers, batch_first=True)
        for name, weight in self.rnn.named_parameters():
            nn.init.constant_(weight, 1.0) if "bias" in name else nn.init.orthogonal_(weight)
        self.register_buffer("bank", torch.zeros(2 * num_layers, capacity, hidden_size), persistent=False)

    # state -------------------------------------------------------------------------------------------------------

    def has_memory(self):
        return True

    def get_memory(self):
        return self.bank.detach().clone()

    def set_memory(self, memory):
        self.bank.copy_(memory)

    def reset_memory(self):
        self.bank.zero_()

    def __getstate__(self):
        return {
            **self.__dict__,
            "_buffers": {key: torch.zeros_like(kept) if key == "bank" else kept for key, kept in self._buffers.items()},
        }

    def _seats(self, td):
        seats = torch.arange(td.batch_size[0], device=self.bank.device)
        start = td.get("training_env_id_start", None)
        return seats if start is None else seats + start.flatten()[0]

    def _recall(self, td, seats):
        state = self.bank.index_select(1, seats)
        for key in ("dones", "truncateds"):
            over = td.get(key, None)
            if over is not None:
                state = state.masked_fill(over.reshape(1, -1, 1).bool(), 0.0)
        h, c = state.chunk(2)
        return h.contiguous(), c.contiguous()

    def _remember(self, seats, state):
        self.bank.index_copy_(1, seats, torch.cat(state).detach())

    # forward -----------------------------------------------------------------------------------------------------

    def forward(self, td, state=None, action=None):
        shape = td.batch_size
        if action is not None:
            td = td.reshape(shape.numel())
        rows, steps = shape[0], shape[1] if action is not None else 1
        where = td["env_obs"].device
        td["bptt"] = torch.full(td.batch_size, steps, dtype=torch.int64, device=where)
        td["batch"] = torch.full(td.batch_size, rows, dtype=torch.int64, device=where)

        seen = self.net.encode_observations(td["env_obs"]).view(rows, steps, -1)
        if action is None:
            seats = self._seats(td)
            hidden, new = self.rnn(seen, self._recall(td, seats))
            self._remember(seats, new)
        else:
            hidden, _ = self.rnn(seen)
        logits, value = self.net.decode_actions(hidden.reshape(rows * steps, -1))

        choice = Categorical(logits=logits)
        if action is None:
            index = choice.sample()
            td["actions"] = self._convert_logit_index_to_action(index)
            td["values"] = value.flatten()
        else:
            index = self._convert_action_to_logit_index(action.reshape(rows * steps, -1))
            td["entropy"] = choice.entropy()
            td["value"] = value
        td["act_log_prob"] = choice.log_prob(index)
        td["full_log_probs"] = choice.logits
        return td if action is None else td.reshape(shape)

    def _convert_action_to_logit_index(self, action):
        types, arguments = action.long().T
        return types + self.cum_action_max_params[types] + arguments

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].int()

    def activate_action_embeddings(self, names, device):
        if hasattr(self.net, "use_actions"):
            self.net.use_actions(len(names))

    def clip_weights(self):
        """The core's weights here, the net's in the net: each is clipped once."""
        if self.clip_range > 0:
            with torch.no_grad():
                for weight in self.rnn.parameters():
                    torch.clamp(weight, -self.clip_range, self.clip_range, out=weight)
            self.net.clip_weights(self.clip_range)

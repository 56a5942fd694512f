from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from agents.memory import GroupMemory, alive_rows


class TimeCore(nn.Module):
    """Everything but the eyes and the mouth."""

    def __init__(
        self, env, hidden_size: int = 128, num_layers: int = 2, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
        self.lstm.apply(self._initialise)
        self.memory = GroupMemory(num_layers, hidden_size)

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.LSTM):
            for name, p in module.named_parameters():
                (nn.init.ones_ if "bias" in name else nn.init.orthogonal_)(p)

    def see(self, tokens: Tensor) -> Tensor:
        raise NotImplementedError

    def say(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        return self.memory.snapshot()

    def set_memory(self, memory) -> None:
        self.memory.restore(memory)

    def reset_memory(self) -> None:
        self.memory.forget()

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    module.weight.data.clamp_(-self.clip_range, self.clip_range)

    @torch.compiler.disable(recursive=False)
    def through_time(self, td, hidden: Tensor, rows: int) -> Tensor:
        group = 0
        if "training_env_id_start" in td.keys():
            group = td["training_env_id_start"].reshape(-1)[0].item()
        pair = self.memory.get(group, rows, hidden)
        if hidden.shape[0] == 1:
            pair = pair.kept(alive_rows(td, rows))
        hidden, (h, c) = self.lstm(hidden, (pair.h, pair.c))
        self.memory.put(group, type(pair)(h, c))
        return hidden

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        training = action is not None
        rows, steps = (td.batch_size[0], td.batch_size[1]) if td.batch_dims == 2 else (td.batch_size[0], 1)
        if td.batch_dims == 2:
            td = td.reshape(rows * steps)
        count = torch.Size([rows * steps])
        device = td["env_obs"].device
        td.set("bptt", torch.full(count, steps, device=device, dtype=torch.int64))
        td.set("batch", torch.full(count, rows, device=device, dtype=torch.int64))
        hidden = self.see(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        hidden = self.through_time(td, hidden, rows).transpose(0, 1).reshape(rows * steps, -1)
        logits, value = self.say(hidden)
        log_probs = logits - logits.logsumexp(-1, keepdim=True)
        if not training:
            index = torch.multinomial(log_probs.exp(), 1)
            td.set("actions", self.action_index_tensor[index.squeeze(-1)].to(torch.int32))
            td.set("act_log_prob", log_probs.gather(-1, index).squeeze(-1))
            td.set("values", value.squeeze(-1))
            td.set("full_log_probs", log_probs)
            return td
        pairs = action.reshape(rows * steps, -1).long()
        index = self.joint_index(pairs[:, 0], pairs[:, 1])
        td.set("act_log_prob", log_probs.gather(-1, index[:, None]).squeeze(-1))
        td.set("entropy", -(log_probs * log_probs.exp()).sum(-1))
        td.set("value", value)
        td.set("full_log_probs", log_probs)
        return td.reshape(rows, steps)

    def joint_index(self, kinds: Tensor, arguments: Tensor) -> Tensor:
        return torch.add(self.cum_action_max_params[kinds], arguments).add(kinds)

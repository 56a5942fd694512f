"""GRU over a grid. State: one tensor per group of environments, kept outside the module tree."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from .parts import ActionScores, PatchEncoder, orthogonal_core, stamp
from .settings import CoreSettings


class GroupStates:
    """h of each group; never pickled."""

    def __init__(self):
        self.by_group: dict[int, Tensor] = {}

    def __getstate__(self):
        return {"by_group": {}}

    def get(self, group: int) -> Tensor | None:
        return self.by_group.get(group)

    def put(self, group: int, h: Tensor) -> None:
        self.by_group[group] = h.detach()


class Linden(nn.Module):
    def __init__(
        self,
        env,
        core: CoreSettings | None = None,
        *,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ):
        super().__init__()
        core = core or CoreSettings()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.see = PatchEncoder(env, core.width)
        self.gru = orthogonal_core(nn.GRU(core.width, core.width, core.num_layers))
        self.scores = ActionScores(core.width)
        self.value = nn.Linear(core.width, 1)
        self.states = GroupStates()

    # memory

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self.states.by_group)

    def set_memory(self, memory):
        self.states.by_group = dict(memory)

    def reset_memory(self):
        self.states.by_group.clear()

    def activate_action_embeddings(self, names, device):
        self.scores.active = len(names)

    def clip_weights(self):
        if not self.clip_range:
            return
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, (nn.Linear, nn.Conv2d)):
                    layer.weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self):
        return sum(layer.weight.pow(2).sum() for layer in self.modules() if isinstance(layer, nn.Linear))

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows, steps = (td.batch_size[0], 1) if action is None else tuple(td.batch_size)
        flat = td if action is None else td.reshape(rows * steps)
        stamp(flat, steps=steps, rows=rows)
        x = self.see(flat["env_obs"]).unflatten(0, (rows, steps)).transpose(0, 1)
        if action is None:
            group = int(td["training_env_id_start"][0]) if "training_env_id_start" in td.keys() else 0
            h = self.states.get(group)
            if h is None:
                h = x.new_zeros(self.gru.num_layers, rows, self.gru.hidden_size)
            if "dones" in td.keys():
                h = torch.where(td["dones"].bool().view(1, -1, 1), 0.0, h)
            if "truncateds" in td.keys():
                h = torch.where(td["truncateds"].bool().view(1, -1, 1), 0.0, h)
            y, h = self.gru(x, h)
            self.states.put(group, h)
        else:
            y, _ = self.gru(x)
        y = y.transpose(0, 1).flatten(0, 1)
        log_probs, value = self.scores(y), self.value(y)
        if action is None:
            index = log_probs.exp().multinomial(1)
            td["actions"] = self.action_index_tensor[index.squeeze(1)].int()
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            td["values"] = value.squeeze(1)
            td["full_log_probs"] = log_probs
            return td
        pairs = action.flatten(0, -2).long()
        index = (pairs.sum(-1) + self.cum_action_max_params[pairs[:, 0]]).unsqueeze(1)
        flat["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs
        return flat.reshape(rows, steps)

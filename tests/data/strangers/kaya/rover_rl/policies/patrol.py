from collections import deque

import torch
from tensordict import TensorDict
from torch import nn

from ..units import BYTE_MAX, coord_byte_to_row_col_cells, first_index_per_type, joint_action_table
from . import helpers


class PatrolEye(nn.Module):
    """The eye of the first rover, as it was flashed in spring."""

    NUM_FEATURES = 22
    SIDE_CELLS = 11

    def __init__(self, hidden_size):
        super().__init__()
        self.conv = nn.Conv2d(self.NUM_FEATURES, 64, kernel_size=5, stride=3)
        self.dense = nn.Linear(64 * 9, hidden_size)

    def forward(self, tokens):
        side, layers = self.SIDE_CELLS, self.NUM_FEATURES
        coord_bytes = tokens[..., 0].long()
        feature_ids = tokens[..., 1].long()
        readings = tokens[..., 2]
        readings.clamp_(max=200)  # the sonar saturates there

        row_cells, col_cells = coord_byte_to_row_col_cells(coord_bytes)
        usable = (coord_bytes != BYTE_MAX) & (row_cells < side) & (col_cells < side) & (feature_ids < layers)
        flat_cells = feature_ids * side * side + row_cells * side + col_cells
        flat_cells = torch.where(usable, flat_cells, torch.zeros_like(flat_cells))
        charge = torch.where(usable, readings.float(), torch.zeros_like(readings, dtype=torch.float32))
        box = torch.zeros(tokens.shape[0], layers * side * side, device=tokens.device)
        box.scatter_(1, flat_cells, charge)
        seen = torch.relu(self.conv(box.view(-1, layers, side, side) / BYTE_MAX))
        return torch.relu(self.dense(seen.flatten(1)))


class PatrolPolicy(nn.Module):
    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        self.eye = PatrolEye(hidden_size)
        self.core = nn.LSTM(hidden_size, hidden_size, num_layers=2)
        helpers.init_recurrent(self.core)
        table = joint_action_table(env.max_action_args)
        self.register_buffer("action_table", table)
        self.register_buffer("first_index", first_index_per_type(env.max_action_args))
        self.steering = nn.Linear(hidden_size, table.size(0))
        self.outlook = nn.Linear(hidden_size, 1)
        self.outlook_log = deque(maxlen=100)
        self._last_state = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self._last_state

    def set_memory(self, memory):
        self._last_state = memory

    def reset_memory(self):
        self._last_state = None

    def __getstate__(self):
        return {**self.__dict__, "_last_state": None}

    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for head in (self.steering, self.outlook, self.eye.dense):
            bounded = torch.clamp(head.weight.detach(), -self.clip_range, self.clip_range)
            head.weight = nn.Parameter(bounded)

    def forward(self, td: TensorDict, state=None, action=None):
        num_rows, num_steps = helpers.num_rows_and_steps(td)
        if td.ndim > 1:
            td = td.reshape(num_rows * num_steps)
        helpers.stamp(td, num_rows, num_steps)

        seen = self.eye(td["env_obs"]).view(num_rows, num_steps, -1)
        is_fresh = helpers.fresh_episode_mask(td).view(num_rows, num_steps)
        if self._last_state is None:
            h = c = seen.new_zeros(self.core.num_layers, num_rows, self.hidden_size)
        else:
            h, c = self._last_state
        outputs = []
        for step in range(num_steps):
            is_live = (~is_fresh[:, step]).view(1, -1, 1).to(seen.dtype)
            output, (h, c) = self.core(seen[:, step].unsqueeze(0), (h * is_live, c * is_live))
            outputs.append(output.squeeze(0))
        self._last_state = (h.detach(), c.detach())
        driven = torch.stack(outputs, dim=1).reshape(num_rows * num_steps, -1)

        log_probs = self.steering(driven).log_softmax(dim=-1)
        outlook = self.outlook(driven)
        self.outlook_log.append(outlook.detach().mean().cpu())  # shown on the dashboard
        td["full_log_probs"] = log_probs
        if action is None:
            index, log_prob = helpers.choose(log_probs)
            td["actions"] = self.action_table[index]
            td["act_log_prob"] = log_prob
            td["values"] = outlook[:, 0]
            return td
        action = action.reshape(num_rows * num_steps, 2).long()
        index = self.first_index[action[:, 0]] + action[:, 1]
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = helpers.entropy_nats(log_probs)
        td["value"] = outlook
        return td.reshape(num_rows, num_steps)

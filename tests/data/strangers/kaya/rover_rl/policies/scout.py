import torch
from tensordict import TensorDict
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from ..memory_bank import MemoryBank
from ..perception import GridProjector
from ..units import first_index_per_type, joint_action_table
from . import helpers


class ScoutPolicy(nn.Module):
    """CNN over the projected grid, LSTM, linear heads."""

    def __init__(
        self,
        env,
        hidden_size: int = 128,
        num_layers: int = 2,
        num_rovers: int = 2048,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self._obs_shape = tuple(env.single_observation_space.shape)

        self.projector = GridProjector(env)
        self.vision = nn.Sequential(
            nn.Conv2d(self.projector.num_features, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(32 * 9, hidden_size),
            nn.ReLU(),
        )
        self.core = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
        helpers.init_recurrent(self.core)
        self.memory = MemoryBank(num_layers, num_rovers, hidden_size)

        table = joint_action_table(env.max_action_args)
        self.register_buffer("action_table", table, persistent=False)
        self.register_buffer("first_index", first_index_per_type(env.max_action_args), persistent=False)
        self.steering = nn.Linear(hidden_size, table.shape[0])
        self.outlook = nn.Linear(hidden_size, 1)

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        return self.memory.snapshot()

    def set_memory(self, memory):
        self.memory.restore(memory)

    def reset_memory(self):
        self.memory.wipe()

    def reset_env_memory(self, env_id):
        self.memory.wipe(env_id)

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0.0:
            for parameter in self.parameters():
                parameter.clamp_(-self.clip_range, self.clip_range)

    def get_agent_experience_spec(self):
        flag = UnboundedContinuous(shape=(), dtype=torch.float32)
        return Composite(
            env_obs=UnboundedDiscrete(shape=self._obs_shape, dtype=torch.uint8),
            dones=flag.clone(),
            truncateds=flag.clone(),
        )

    def _drive_core(self, td, seen, num_rows, num_steps, acting):
        is_fresh = helpers.fresh_episode_mask(td).view(num_rows, num_steps)
        ids = helpers.rover_ids(td, num_rows) if acting else None
        state = self.memory.recall(ids, is_fresh[:, 0]) if acting else self.memory.blank(num_rows)
        seen = seen.view(num_rows, num_steps, -1)
        outputs = []
        for step in range(num_steps):
            state = state.masked_fill(is_fresh[:, step].view(1, 1, -1, 1), 0.0)
            output, (h, c) = self.core(seen[:, step].unsqueeze(0), (state[0].contiguous(), state[1].contiguous()))
            state = torch.stack((h, c))
            outputs.append(output[0])
        if acting:
            self.memory.memorize(ids, state)
        return torch.stack(outputs, dim=1).flatten(0, 1)

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        num_rows, num_steps = helpers.num_rows_and_steps(td)
        td = td.flatten() if td.ndim > 1 else td
        helpers.stamp(td, num_rows, num_steps)

        seen = self.vision(self.projector(td["env_obs"]))
        driven = self._drive_core(td, seen, num_rows, num_steps, acting=action is None)
        log_probs = torch.log_softmax(self.steering(driven), dim=1)
        outlook = self.outlook(driven)
        td["full_log_probs"] = log_probs

        if action is None:
            index, log_prob = helpers.choose(log_probs)
            td["actions"] = self.action_table[index]
            td["act_log_prob"] = log_prob
            td["values"] = outlook.flatten()
            return td

        kinds, args = action.reshape(num_rows * num_steps, 2).long().unbind(1)
        index = self.first_index[kinds] + args
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["entropy"] = helpers.entropy_nats(log_probs)
        td["value"] = outlook
        return td.unflatten(0, (num_rows, num_steps))

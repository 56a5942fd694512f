import torch
from tensordict import TensorDict
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from ..memory_bank import MemoryBank
from ..perception import TokenPooler
from ..units import joint_action_table
from .helpers import (
    choose,
    entropy_nats,
    fresh_episode_mask,
    init_recurrent,
    num_rows_and_steps,
    rover_ids,
    stamp,
)


class ActionScorer(nn.Module):
    """Bilinear: a bounded query against one embedding per action."""

    def __init__(self, hidden_size, num_actions, embed_dim=16):
        super().__init__()
        self.to_query = nn.Linear(hidden_size, embed_dim)
        self.embeddings = nn.Embedding(num_actions, embed_dim)
        nn.init.orthogonal_(self.embeddings.weight)
        with torch.no_grad():
            self.embeddings.weight.mul_(0.1 / self.embeddings.weight.abs().max())
        self.offset = nn.Parameter(torch.zeros(num_actions))

    def forward(self, hidden):
        query = torch.tanh(self.to_query(hidden))
        return query @ self.embeddings.weight.t() + self.offset


class DockPolicy(nn.Module):
    """Attention over tokens, GRU, bilinear actor. Slow and careful, for the last metres."""

    def __init__(self, env, hidden_size=96, num_rovers=2048, **mission_options):
        super().__init__()
        self.clip_range = mission_options.pop("clip_range", 0.0)
        self.analyze_weights_interval = mission_options.pop("analyze_weights_interval", 300)
        if mission_options:
            raise ValueError("unknown mission options: " + ", ".join(sorted(mission_options)))
        self._obs_shape = tuple(env.single_observation_space.shape)

        self.pooler = TokenPooler(token_dim=48, pooled_dim=hidden_size)
        self.core = nn.GRU(hidden_size, hidden_size, num_layers=2)
        init_recurrent(self.core)
        self.memory = MemoryBank(2, num_rovers, hidden_size, num_parts=1)
        table = joint_action_table(env.max_action_args)
        self.register_buffer("action_table", table, persistent=False)
        steps_up = torch.tensor([0, *env.max_action_args]).cumsum(0)[:-1]
        self.register_buffer("max_args_before", steps_up, persistent=False)
        self.actor = ActionScorer(hidden_size, len(table))
        self.critic = nn.Sequential(nn.Linear(hidden_size, 256), nn.Tanh(), nn.Linear(256, 1))

    def has_memory(self):
        return True

    def get_memory(self):
        return {"bank": self.memory.snapshot()}

    def set_memory(self, memory):
        self.memory.restore(memory["bank"])

    def reset_memory(self):
        self.memory.wipe()

    def reset_env_memory(self, env_id):
        self.memory.wipe(env_id)

    def clip_weights(self):
        limit = self.clip_range
        if not limit:
            return
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.data = layer.weight.data.clamp(-limit, limit)

    def get_agent_experience_spec(self):
        flag = UnboundedContinuous(shape=(), dtype=torch.float32)
        return Composite(
            env_obs=UnboundedDiscrete(shape=self._obs_shape, dtype=torch.uint8),
            dones=flag.clone(),
            truncateds=flag.clone(),
        )

    def joint_index(self, action):
        kinds, args = action.long().unbind(-1)
        return kinds + self.max_args_before[kinds] + args

    def _step_through(self, pooled, is_fresh, h):
        outputs = []
        for pooled_now, fresh_now in zip(pooled.unbind(1), is_fresh.unbind(1), strict=True):
            h = torch.where(fresh_now.view(1, -1, 1), torch.zeros_like(h), h)
            output, h = self.core(pooled_now[None], h)
            outputs.append(output[0])
        return torch.stack(outputs, dim=1), h

    def _act(self, td, log_probs, value):
        index, log_prob = choose(log_probs)
        td.update(
            {
                "actions": self.action_table[index],
                "act_log_prob": log_prob,
                "values": value.squeeze(-1),
                "full_log_probs": log_probs,
            }
        )
        return td

    def _evaluate(self, td, log_probs, value, action):
        index = self.joint_index(action)
        td.update(
            {
                "act_log_prob": log_probs.gather(1, index[:, None])[:, 0],
                "entropy": entropy_nats(log_probs),
                "value": value,
                "full_log_probs": log_probs,
            }
        )
        return td

    def forward(self, td: TensorDict, state=None, action=None):
        num_rows, num_steps = num_rows_and_steps(td)
        flat = td.reshape(num_rows * num_steps) if td.ndim == 2 else td
        stamp(flat, num_rows, num_steps)
        pooled = self.pooler(flat["env_obs"]).view(num_rows, num_steps, -1)
        is_fresh = fresh_episode_mask(flat).view(num_rows, num_steps)

        if action is None:
            ids = rover_ids(flat, num_rows)
            hidden, h = self._step_through(pooled, is_fresh, self.memory.recall(ids, is_fresh[:, 0])[0])
            self.memory.memorize(ids, h.unsqueeze(0))
        else:
            hidden, _ = self._step_through(pooled, is_fresh, self.memory.blank(num_rows)[0])
        hidden = hidden.flatten(0, 1)

        log_probs = self.actor(hidden).log_softmax(dim=-1)
        value = self.critic(hidden)
        if action is None:
            return self._act(flat, log_probs, value)
        self._evaluate(flat, log_probs, value, action.reshape(num_rows * num_steps, -1))
        return flat.reshape(num_rows, num_steps)

"""Networks of papers one and two. They must go on loading; new work starts from ActorCritic."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete

from gridappo.model.actor_critic import ActorCritic


class HeadPerDimension(nn.Module):
    """One head for the kind, one for the argument, both conditioned on what actions there are."""

    def __init__(self, env, size: int, width: int = 16) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, 512)
        self.action_embeddings = nn.Embedding(100, width)
        nn.init.orthogonal_(self.action_embeddings.weight)
        self.action_embeddings.weight.data *= 0.1 / self.action_embeddings.weight.data.abs().max()
        self.heads = nn.ModuleList(nn.Linear(512 + width, int(n)) for n in env.single_action_space.nvec)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.hidden(x))
        actions = self.action_embeddings.weight.mean(dim=0, keepdim=True)
        x = torch.cat([x, actions.expand(x.shape[0], -1)], dim=-1)
        return torch.cat([head(x) for head in self.heads], dim=-1)


class LegacyActorCritic(ActorCritic):
    """Paper two."""

    def make_actor(self, env, size: int) -> nn.Module:
        return HeadPerDimension(env, size)

    def action_to_index(self, action: Tensor) -> Tensor:
        kind, argument = action.long().unbind(dim=-1)
        return torch.take(self.cum_action_max_params, kind) + argument

    def _act(self, td: TensorDict, log_probs: Tensor, value: Tensor) -> None:
        super()._act(td, log_probs, value)
        # for the dashboard
        self.last_entropy = -(log_probs.exp() * log_probs).sum(dim=-1).mean().item()

    def clip_weights(self) -> None:
        # weight decay does this job since paper two
        return


class PlainActorCritic(nn.Module):
    """Paper one: last actions go in with the observation."""

    def __init__(
        self, env, hidden_size: int = 128, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        self.embed = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, hidden_size), nn.ReLU())
        self.rnn = nn.GRU(hidden_size + 2, hidden_size)
        for name, parameter in self.rnn.named_parameters():
            if name.startswith("bias"):
                nn.init.constant_(parameter, 1)
            else:
                nn.init.orthogonal_(parameter, 1)
        self.policy_head = nn.Linear(hidden_size, sum(int(most) + 1 for most in env.max_action_args))
        self.value_head = nn.Linear(hidden_size, 1)
        self.register_buffer("rnn_state", None, persistent=False)

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        return None if self.rnn_state is None else self.rnn_state.clone()

    def set_memory(self, memory) -> None:
        self.rnn_state = memory

    def reset_memory(self) -> None:
        self.rnn_state = None

    def reset_env_memory(self, env_id: int) -> None:
        if self.rnn_state is not None:
            self.rnn_state[:, env_id] = 0

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for module in (*self.embed, self.policy_head, self.value_head):
                if isinstance(module, nn.Linear):
                    torch.clamp(module.weight, -self.clip_range, self.clip_range, out=module.weight)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8))

    def _state(self, td: TensorDict, batch: int) -> Tensor:
        state = self.rnn_state
        if state is None:
            state = torch.zeros(1, batch, self.hidden_size)
        if "dones" in td.keys() and "truncateds" in td.keys():
            over = (td["dones"].bool() | td["truncateds"].bool()).view(batch, -1)[:, 0]
            state = state * (~over).float().view(1, -1, 1)
        return state

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        batch, steps = td.batch_size[0], (1 if action is None else td.batch_size[1])
        if action is not None:
            td = td.reshape(batch * steps)
        device = td["env_obs"].device
        td["bptt"] = torch.full((batch * steps,), steps, dtype=torch.long, device=device)
        td["batch"] = torch.full((batch * steps,), batch, dtype=torch.long, device=device)

        tokens = td["env_obs"].float()
        if tokens.max() > 1:
            tokens = tokens / 255.0
        x = torch.cat([self.embed(tokens).amax(dim=1), td["last_actions"].float()], dim=-1)
        x = x.view(batch, steps, -1).transpose(0, 1)
        x, hidden = self.rnn(x, self._state(td, batch))
        self.rnn_state = hidden.detach()
        x = x.transpose(0, 1).reshape(batch * steps, -1)

        log_probs = F.log_softmax(self.policy_head(x), dim=-1)
        td["full_log_probs"] = log_probs
        td["value"] = self.value_head(x)
        if action is None:
            index = torch.multinomial(log_probs.exp(), num_samples=1)
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].int()
        else:
            kind, argument = action.reshape(-1, 2).long().T
            index = (kind + argument + self.cum_action_max_params[kind]).unsqueeze(-1)
            td["entropy"] = -torch.sum(log_probs.exp() * log_probs, dim=-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        return td if action is None else td.reshape(batch, steps)

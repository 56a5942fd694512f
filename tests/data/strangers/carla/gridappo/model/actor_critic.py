from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete

from gridappo.model.cores import ModelCoreRNN
from gridappo.model.decoders import BilinearActor, Critic
from gridappo.model.encoders import TokenEncoder


class ActorCritic(nn.Module):
    """Encoder, core, decoders. Subclasses replace a part by overriding its `make_*`."""

    action_index_tensor: Tensor  # [A, 2], set by the agent that holds us
    cum_action_max_params: Tensor

    def __init__(
        self,
        env,
        hidden_size: int = 128,
        num_layers: int = 2,
        *,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        l2_init_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.l2_init_scale = l2_init_scale
        self.encoder = self.make_encoder(env, hidden_size)
        self.core = self.make_core(hidden_size, num_layers)
        self.actor = self.make_actor(env, hidden_size)
        self.critic = self.make_critic(hidden_size)
        self.initial = {name: p.detach().clone() for name, p in self.actor.named_parameters()}

    def make_encoder(self, env, size: int) -> nn.Module:
        return TokenEncoder(env, size)

    def make_core(self, size: int, num_layers: int) -> nn.Module:
        return ModelCoreRNN(size, num_layers)

    def make_actor(self, env, size: int) -> nn.Module:
        return BilinearActor(size, sum(int(most) + 1 for most in env.max_action_args))

    def make_critic(self, size: int) -> nn.Module:
        return Critic(size)

    # Indices of joint actions ----------------------------------------------------------------------

    def action_to_index(self, action: Tensor) -> Tensor:
        kind, argument = action[:, 0].long(), action[:, 1].long()
        return kind + self.cum_action_max_params.index_select(0, kind) + argument

    def index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor.index_select(0, index).to(torch.int32)

    # Forward ---------------------------------------------------------------------------------------

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        training = td.batch_dims == 2
        batch, steps = (td.batch_size[0], td.batch_size[1]) if training else (td.batch_size[0], 1)
        if training:
            td = td.reshape(batch * steps)
        ones = torch.ones(batch * steps, dtype=torch.int64, device=td["env_obs"].device)
        td.set("bptt", ones * steps)
        td.set("batch", ones * batch)

        features = self.core(self.encoder(td["env_obs"]), td, batch, steps)
        logits, value = self.actor(features), self.critic(features)
        log_probs = torch.nn.functional.log_softmax(logits, dim=-1)
        if action is None:
            self._act(td, log_probs, value)
        else:
            self._evaluate(td, log_probs, value, action.reshape(batch * steps, -1))
        return td.reshape(batch, steps) if training else td

    def _act(self, td: TensorDict, log_probs: Tensor, value: Tensor) -> None:
        index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
        td["actions"] = self.index_to_action(index)
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["values"] = value.squeeze(-1)
        td["full_log_probs"] = log_probs

    def _evaluate(self, td: TensorDict, log_probs: Tensor, value: Tensor, action: Tensor) -> None:
        index = self.action_to_index(action)
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = value
        td["full_log_probs"] = log_probs

    def get_agent_experience_spec(self) -> Composite:
        return Composite(
            env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
            dones=UnboundedDiscrete(shape=(), dtype=torch.bool),
            truncateds=UnboundedDiscrete(shape=(), dtype=torch.bool),
        )

    # Memory ----------------------------------------------------------------------------------------

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor:
        return self.core.states.clone()

    def set_memory(self, memory: Tensor) -> None:
        self.core.states.copy_(memory)

    def reset_memory(self) -> None:
        self.core.states.zero_()

    def reset_env_memory(self, env_id: int) -> None:
        self.core.states[env_id] = 0.0

    # Weights ---------------------------------------------------------------------------------------

    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    module.weight.clamp_(min=-self.clip_range, max=self.clip_range)

    def l2_init_loss(self) -> Tensor:
        terms = [
            (p - self.initial[name].to(p.device)).square().sum() for name, p in self.actor.named_parameters()
        ]
        return self.l2_init_scale * torch.stack(terms).sum()

"""Hand-written, for the compiler: no components, no dictionaries, fixed shapes."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class Trunk(nn.Module):
    """16 by 16 places, each the sum of its tokens' vectors, through three convolutions."""

    def __init__(self, width: int):
        super().__init__()
        self.feature = nn.Embedding(256, 16, padding_idx=255)
        self.depth = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.point = nn.Conv2d(16, 32, 1)
        self.pool = nn.Conv2d(32, 32, 4, 4)
        self.last = nn.Linear(32 * 16, width)

    def forward(self, tokens: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        place, feature = tokens[..., 0].long(), tokens[..., 1].long()
        value = tokens[..., 2].float() / scale[feature]
        vector = self.feature(feature) * value.unsqueeze(-1)
        vector = vector.masked_fill((place == 255).unsqueeze(-1), 0.0)
        sheet = vector.new_zeros(tokens.shape[0], 256, 16)
        sheet = sheet.scatter_add(1, place.unsqueeze(-1).expand_as(vector), vector)
        z = sheet.transpose(1, 2).unflatten(2, (16, 16))
        z = F.relu(self.point(self.depth(z)))
        z = F.relu(self.pool(z))
        return F.relu(self.last(z.flatten(1)))


class FusedPolicy(nn.Module):
    def __init__(self, env, hidden: int = 64, places: int = 2048, compile: bool = False, amp: bool = False,
                 clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.amp = amp
        scale = [env.feature_normalizations.get(i) or 1.0 for i in range(256)]
        self.register_buffer("scale", torch.tensor(scale), persistent=False)
        self.trunk = Trunk(hidden)
        if compile:
            self.trunk.compile(dynamic=False)
        self.cell = nn.GRUCell(hidden, hidden)
        for weight in self.cell.parameters():
            if weight.dim() == 2:
                nn.init.orthogonal_(weight)
            else:
                nn.init.ones_(weight)
        self.pi = nn.Linear(hidden, sum(most + 1 for most in env.max_action_args))
        self.v = nn.Linear(hidden, 1)
        nn.init.orthogonal_(self.pi.weight, 0.01)
        self.register_buffer("seen", torch.zeros(places, hidden), persistent=False)

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = dict(state["_buffers"], seen=torch.zeros_like(self.seen))
        return state

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        return {"seen": self.seen.clone()}

    def set_memory(self, memory) -> None:
        self.seen.copy_(memory["seen"])

    def reset_memory(self) -> None:
        self.seen.zero_()

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range:
            torch._foreach_clamp_max_(list(self.parameters()), self.clip_range)
            torch._foreach_clamp_min_(list(self.parameters()), -self.clip_range)

    def _convert_action_to_logit_index(self, pairs):
        pairs = pairs.reshape(-1, 2).long()
        return pairs[:, 0] + self.cum_action_max_params[pairs[:, 0]] + pairs[:, 1]

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def look(self, tokens):
        with torch.autocast(tokens.device.type, dtype=torch.bfloat16, enabled=self.amp):
            z = self.trunk(tokens, self.scale)
        return z.float()

    def unroll(self, td, x, acting):
        """x is [B, T, H]; in a rollout T is 1 and the state is the group's."""
        steps = x.unbind(1)
        if acting:
            seat = torch.arange(x.shape[0], device=x.device)
            if "training_env_id_start" in td.keys():
                seat = seat + td["training_env_id_start"].view(-1)[0]
            h = self.seen[seat]
            for flag in ("dones", "truncateds"):
                if flag in td.keys():
                    h = torch.where(td[flag].view(-1, 1).bool(), torch.zeros_like(h), h)
            h = self.cell(steps[0], h)
            self.seen[seat] = h.detach()
            return h
        h = x.new_zeros(x.shape[0], x.shape[2])
        hs = []
        for step in steps:
            h = self.cell(step, h)
            hs.append(h)
        return torch.stack(hs, 1).flatten(0, 1)

    def forward(self, td, state=None, action=None):
        sizes = td.batch_size
        B, T = sizes[0], sizes[1] if len(sizes) > 1 else 1
        if len(sizes) > 1:
            td = td.flatten()
        tokens = td["env_obs"]
        td["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=tokens.device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=tokens.device)
        y = self.unroll(td, self.look(tokens).unflatten(0, (B, T)), action is None)
        logp = self.pi(y).log_softmax(-1)
        value = self.v(y).squeeze(-1)
        td["full_log_probs"] = logp
        if action is None:
            index = torch.multinomial(logp.exp(), 1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(index).int()
            td["values"] = value
        else:
            index = self._convert_action_to_logit_index(action)
            td["entropy"] = -(logp.exp() * logp).sum(-1)
            td["value"] = value
        td["act_log_prob"] = logp.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        return td if action is None else td.reshape(B, T)


class FusedSkip(FusedPolicy):
    """Leaves the trunk out for rows that see nothing."""

    def __init__(self, env, hidden: int = 64, **options):
        super().__init__(env, hidden, **options)
        self.blank = torch.full((hidden,), 0.1)

    def look(self, tokens):
        empty = (tokens[..., 0] == 255).all(-1)
        if empty.all():
            return self.blank.expand(tokens.shape[0], -1)
        z = self.trunk(tokens, self.scale)
        return torch.where(empty.unsqueeze(-1), self.blank, z)

    def clip_weights(self):
        if self.clip_range:
            for weight in self.trunk.parameters():
                weight.clamp_(-self.clip_range, self.clip_range)


class FusedTrace(FusedPolicy):
    """Counts what it sees, for the log."""

    def __init__(self, env, verbose: bool = False, **options):
        super().__init__(env, **options)
        self.verbose = verbose
        self.seen_tokens = 0
        self.last_share = 0.0
        self.start = [weight.detach().clone() for weight in self.trunk.parameters()]

    def look(self, tokens):
        there = tokens[..., 0] != 255
        self.seen_tokens += int(there.sum())
        if self.verbose:
            self.last_share = there.float().mean().item()
            print(f"{self.last_share:.2%} of tokens in use")
        return super().look(tokens)

    def l2_init_loss(self):
        far = [(weight.detach() - start.to(weight.device)).pow(2).sum()
               for weight, start in zip(self.trunk.parameters(), self.start)]
        return torch.stack(far).sum()

"""Agents that choose the type and the argument by separate distributions."""
import torch
import torch.nn.functional as F
from torch import nn

from crew.base import Agent, mlp, stamp
from crew.seats import Seated, SeatedGRU


class Factored(Seated, Agent):
    """MultiDiscrete throughout: nobody asks for joint actions here."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.core = SeatedGRU(self.net.width, self.hidden)
        self.sizes = env.single_action_space.nvec.tolist()
        self.heads = nn.ModuleList(mlp(self.hidden, size, out_gain=0.01) for size in self.sizes)

    def forward(self, td, state=None, action=None):
        if action is None:
            stamp(td, 1, td.batch_size[0])
            hidden = self.core.step(self.net(td["env_obs"]), td)
        else:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
            stamp(td, steps, rows)
            x = self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
            hidden = self.core.unroll(x, td).transpose(0, 1).reshape(rows * steps, -1)

        logs = [F.log_softmax(head(hidden), dim=-1) for head in self.heads]
        if action is None:
            chosen = torch.stack([torch.multinomial(log.exp(), 1).squeeze(1) for log in logs], dim=1)
            td["actions"] = chosen.to(torch.int32)
            td["values"] = self.critic(hidden).flatten()
        else:
            chosen = action.reshape(rows * steps, len(logs)).long()
            td["entropy"] = sum(-(log.exp() * log).sum(-1) for log in logs)
            td["value"] = self.critic(hidden)
        td["act_log_prob"] = sum(log.gather(1, chosen[:, i : i + 1]).squeeze(1) for i, log in enumerate(logs))
        most = max(self.sizes)
        padded = [F.pad(log, (0, most - log.shape[1]), value=float("-inf")) for log in logs]
        td["full_log_probs"] = torch.stack(padded, dim=-1)
        return td if action is None else td.reshape(rows, steps)


class Conditional(Seated, Agent):
    """p(type) p(argument | type); impossible arguments have none of it."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.core = SeatedGRU(self.net.width, self.hidden, layers=2)
        most = torch.tensor([int(most) for most in env.max_action_args])
        self.register_buffer("possible", torch.arange(int(most.max()) + 1) <= most.unsqueeze(1), persistent=False)
        kinds, arguments = self.possible.shape
        self.kind = mlp(self.hidden, kinds, out_gain=0.01)
        self.argument = mlp(self.hidden, kinds * arguments, out_gain=0.01)

    def actor_log_probs(self, hidden):
        kind = self.kind(hidden).log_softmax(-1)
        argument = self.argument(hidden).view(-1, *self.possible.shape)
        argument = argument.masked_fill(~self.possible, float("-inf")).log_softmax(-1)
        pairs = self.action_index_tensor.long()
        return kind[:, pairs[:, 0]] + argument[:, pairs[:, 0], pairs[:, 1]]

    def forward(self, td, state=None, action=None):
        if action is not None:
            return self.evaluate(td, action)
        stamp(td, 1, td.batch_size[0])
        hidden = self.core.step(self.net(td["env_obs"]), td)
        log_probs = self.actor_log_probs(hidden)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.view(-1))
        td["act_log_prob"] = log_probs.gather(1, index).view(-1)
        td["values"] = self.critic(hidden).view(-1)
        td["full_log_probs"] = log_probs
        return td

    def evaluate(self, td, action):
        rows, steps = td.batch_size
        td = td.reshape(rows * steps)
        stamp(td, steps, rows)
        x = self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        hidden = self.core.unroll(x, td).transpose(0, 1).reshape(rows * steps, -1)
        log_probs = self.actor_log_probs(hidden)
        index = self._convert_action_to_logit_index(action.reshape(rows * steps, 2))
        td["act_log_prob"] = log_probs.gather(1, index.view(-1, 1)).view(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = self.critic(hidden)
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)


class Summed(Seated, Agent):
    """A head for the type and one for the argument, side by side."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.core = SeatedGRU(self.net.width, self.hidden)
        self.kind_head = mlp(self.hidden, int(env.single_action_space.nvec[0]), out_gain=0.01)
        self.argument_head = mlp(self.hidden, int(env.single_action_space.nvec[1]), out_gain=0.01)

    def actor(self, hidden):
        return torch.cat((self.kind_head(hidden), self.argument_head(hidden)), dim=1)

    def _convert_action_to_logit_index(self, action):
        return self.cum_action_max_params[action[..., 0].long()] + action[..., 1].long()

    def forward(self, td, state=None, action=None):
        if action is None:
            stamp(td, 1, td.batch_size[0])
            return self.finish(td, self.core.step(self.net(td["env_obs"]), td), None)
        rows, steps = td.batch_size
        td = td.reshape(rows * steps)
        stamp(td, steps, rows)
        x = self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        hidden = self.core.unroll(x, td).transpose(0, 1).reshape(rows * steps, -1)
        return self.finish(td, hidden, action.reshape(-1, 2)).reshape(rows, steps)

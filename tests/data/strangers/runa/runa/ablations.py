import torch
from torch import nn

from runa.eyes_extra import ClassicEye, ContrastEye, NormedEye, TrimmedEye, WideEye
from runa.policies import Delta, Fjord


class FjordWide(Fjord):
    def build_eye(self, env):
        return WideEye(env, self.hidden_size)

    def score(self, hidden):
        # bounded scores, opened up again so that the best action can still be nearly sure
        query = self.query(torch.relu(self.actor(hidden)))
        logits = 12.0 * torch.tanh(query @ self.action_embeddings(self.active).t())
        return logits.log_softmax(dim=-1)


class FjordClassic(Fjord):
    """How it was before the environment told its sizes."""

    def build_eye(self, env):
        return ClassicEye(env, self.hidden_size)

    def start_core(self):
        for name, parameter in self.core.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)


class FjordQuiet(Fjord):
    """Without the entropy bonus."""

    def stamp(self, flat, shape):
        steps = shape[1] if len(shape) > 1 else 1
        flat["bptt"] = torch.full(flat.batch_size, steps, dtype=torch.int64, device=flat["env_obs"].device)

    def report_training(self, flat, log_probs, value, index):
        flat["act_log_prob"] = log_probs.gather(-1, index.view(-1, 1)).view(-1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs


class FjordParallel(Fjord):
    """All steps of a minibatch at once."""

    def recall(self, flat, seen, shape):
        if len(shape) == 1:
            return super().recall(flat, seen, shape)
        out, _ = self.core(seen.unsqueeze(0))
        return out.squeeze(0)

    def unflatten(self, flat, shape):
        return flat


class FjordOnce(Fjord):
    """One state for whoever calls: half the memory of the tables."""

    _mem_pair = None

    def get_memory(self):
        return {} if self._mem_pair is None else dict(zip("hc", (part.clone() for part in self._mem_pair)))

    def set_memory(self, memory):
        self._mem_pair = (memory["h"].clone(), memory["c"].clone()) if memory else None

    def reset_memory(self):
        self._mem_pair = None

    def recall(self, flat, seen, shape):
        rows, steps = shape[0], seen.shape[0] // shape[0]
        pair = self._mem_pair
        if pair is None:
            blank = torch.zeros(self.num_layers, rows, self.hidden_size, device=seen.device)
            pair = (blank, blank)
        over = None
        if "dones" in flat.keys() and "truncateds" in flat.keys():
            over = (flat["dones"].bool() | flat["truncateds"].bool()).view(rows, steps)
        said = []
        for t, x in enumerate(seen.view(rows, steps, -1).unbind(1)):
            if over is not None:
                pair = tuple(part.masked_fill(over[:, t].view(1, -1, 1), 0.0) for part in pair)
            out, pair = self.core(x.unsqueeze(0), pair)
            said.append(out.squeeze(0))
        self._mem_pair = tuple(part.detach() for part in pair)
        return torch.stack(said, dim=1).flatten(0, 1)


class FjordWatched(Fjord):
    """Keeps an eye on what the eye says."""

    loudest = 0.0

    def look(self, observation):
        seen = super().look(observation)
        if torch.isnan(seen).any():
            seen = torch.nan_to_num(seen)
        self.loudest = max(self.loudest, seen.detach().abs().max().item())
        return seen


class FjordNarrow(Fjord):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, hidden_size=64, num_layers=1, analyze_weights_interval=analyze_weights_interval)


class DeltaTrimmed(Delta):
    def build_eye(self, env):
        return TrimmedEye(env, self.hidden_size)

    def clip_weights(self):
        super().clip_weights()
        if self.clip_range > 0:
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.clamp_(-2 * self.clip_range, 2 * self.clip_range)


class DeltaContrast(Delta):
    def build_eye(self, env):
        return ContrastEye(env, self.hidden_size)

    def clip_weights(self):
        if self.clip_range > 0:
            for weight in self.limited_weights().values():
                weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self):
        pull = 0.0
        for name, weight in self.limited_weights().items():
            pull = pull + ((weight.data - self._initial[name].to(weight.device)) ** 2).sum()
        return pull


class DeltaNormed(Delta):
    def build_eye(self, env):
        return NormedEye(env, self.hidden_size)

    def goes_on(self, td, rows, steps):
        running = torch.ones(rows, steps)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                running = running * (1 - td[flag].view(rows, steps).to(running.dtype))
        return running.t().unsqueeze(-1)

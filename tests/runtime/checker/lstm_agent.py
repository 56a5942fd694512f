"""A small recurrent agent that keeps the contract, in plain torch; subclasses that break one clause each.

Everything a subclass can break is a method of its own. Nothing here uses policyfix.
"""

import threading
import warnings
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

H, FEATURES, CELLS, ROWS = 16, 24, 121, 22


class Net(nn.Module):
    """Tokens -> box -> features; hidden -> bilinear scores over the action table, and a value."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(FEATURES * CELLS, H)
        self.query = nn.Linear(H, 8)
        self.action_embeddings = nn.Embedding(ROWS, 8)
        self.value = nn.Linear(H, 1)
        with torch.no_grad():
            self.encoder.weight.mul_(4)
            self.action_embeddings.weight.mul_(0.1 / self.action_embeddings.weight.abs().max())

    def is_token(self, tokens: Tensor) -> Tensor:
        coordinates, attribute, _ = tokens.long().unbind(-1)
        return (coordinates >> 4 < 11) & (coordinates & 15 < 11) & (attribute < FEATURES)

    def encode(self, tokens: Tensor) -> Tensor:
        token = self.is_token(tokens)
        coordinates, attribute, value = tokens.long().unbind(-1)
        cell = (coordinates >> 4) * 11 + (coordinates & 15)
        place = torch.where(token, attribute * CELLS + cell, 0)
        box = torch.zeros(len(tokens), FEATURES * CELLS)
        box = box.scatter_add(1, place, torch.where(token, value, 0).float() / 255)
        return torch.relu(self.encoder(box))

    def decode(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        table = self.action_embeddings.weight[:19]
        return torch.tanh(self.query(hidden)) @ table.T, self.value(hidden)


class Agent(nn.Module):
    """Keeps every clause."""

    net_class: type[Net] = Net

    def __init__(
        self, env: Any, clip_range: float = 0.0, analyze_weights_interval: int = 300, **config: Any
    ) -> None:
        super().__init__()
        self.net = self.net_class()
        self.lstm = nn.LSTM(H, H)
        self.initialise()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.memory: dict[int, tuple[Tensor, Tensor]] = {}
        self.configured(config)

    def initialise(self) -> None:
        for name, parameter in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(parameter, 1.0)
            else:
                nn.init.orthogonal_(parameter, 1.0)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "memory": {}}

    def configured(self, config: dict[str, Any]) -> None:
        for key in config:
            warnings.warn(f"nothing reads the key {key!r}", stacklevel=3)

    @torch.compiler.disable
    def forward(self, td: TensorDict, state: Any = None, action: Tensor | None = None) -> TensorDict:
        observations = self.read(td)
        batch, steps = observations.shape[:2] if action is not None else (len(observations), 1)
        rows = td if action is None else self.flattened(td, batch * steps)
        self.stamp(rows, steps, batch)
        features = self.net.encode(observations.reshape(batch * steps, -1, 3))
        h, c = self.recall(td, batch, training=action is not None)
        hidden = []
        for x, starts in zip(
            features.view(batch, steps, -1).unbind(1), self.resets(td, batch, steps).unbind(1), strict=True
        ):
            going_on = (~starts).view(1, batch, 1)
            out, (h, c) = self.core(x.unsqueeze(0), (h * going_on, c * going_on))
            hidden.append(out[0])
        self.remember(td, h, c, training=action is not None)
        logits, value = self.net.decode(torch.stack(hidden, 1).reshape(batch * steps, -1))
        log_probs = logits.log_softmax(-1)
        if action is None:
            return self.write_rollout(td, log_probs, value)
        self.write_training(rows, log_probs, value, self.evaluated(log_probs, action.reshape(-1, 2)))
        return self.reshaped(rows, batch, steps)

    def core(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return self.lstm(x, state)

    def read(self, td: TensorDict) -> Tensor:
        return td["env_obs"]

    def flattened(self, td: TensorDict, rows: int) -> TensorDict:
        return td.reshape(rows)

    def stamp(self, td: TensorDict, steps: int, batch: int) -> None:
        td["bptt"] = torch.full((batch * steps,), steps)
        td["batch"] = torch.full((batch * steps,), batch)

    def write_rollout(self, td: TensorDict, log_probs: Tensor, value: Tensor) -> TensorDict:
        index = self.sample(log_probs)
        td["actions"] = self._convert_logit_index_to_action(index).int()
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["values"] = value.flatten()
        td["full_log_probs"] = log_probs
        return td

    def sample(self, log_probs: Tensor) -> Tensor:
        return torch.multinomial(log_probs.exp(), 1).squeeze(1)

    def write_training(self, td: TensorDict, log_probs: Tensor, value: Tensor, index: Tensor) -> None:
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs

    def evaluated(self, log_probs: Tensor, action: Tensor) -> Tensor:
        return self._convert_action_to_logit_index(action)

    def reshaped(self, td: TensorDict, batch: int, steps: int) -> TensorDict:
        return td.reshape(batch, steps)

    # State

    def slot(self, td: TensorDict) -> int:
        ids = td.get("training_env_id_start")
        return 0 if ids is None else int(ids.flatten()[0])

    def recall(self, td: TensorDict, batch: int, training: bool) -> tuple[Tensor, Tensor]:
        zeros = torch.zeros(1, batch, H)
        if training and "training_env_id_start" not in td:
            return zeros, zeros
        return self.memory.get(self.slot(td), (zeros, zeros))

    def remember(self, td: TensorDict, h: Tensor, c: Tensor, training: bool) -> None:
        if not training:
            self.memory[self.slot(td)] = (h.detach(), c.detach())

    def resets(self, td: TensorDict, batch: int, steps: int) -> Tensor:
        resets = torch.zeros(batch, steps, dtype=torch.bool)
        for key in ("dones", "truncateds"):
            if key in td:
                resets = resets | td[key].bool().reshape(batch, steps)
        return resets

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Any:
        return {group: (h.clone(), c.clone()) for group, (h, c) in self.memory.items()}

    def set_memory(self, memory: Any) -> None:
        self.memory = {group: (h.clone(), c.clone()) for group, (h, c) in memory.items()}

    def reset_memory(self) -> None:
        self.memory.clear()

    # Actions and weights

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        kind, argument = action.long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    self.clip(module)

    @torch.no_grad()
    def clip(self, module: nn.Linear) -> None:
        module.weight.clamp_(-self.clip_range, self.clip_range)


# One broken clause each.


class NoStamps(Agent):
    def stamp(self, td, steps, batch):
        pass


class FloatStamps(Agent):
    def stamp(self, td, steps, batch):
        td["bptt"], td["batch"] = (
            torch.full((batch * steps,), float(steps)),
            torch.full((batch * steps,), batch),
        )


class StampsOfRows(Agent):
    def stamp(self, td, steps, batch):
        td["bptt"], td["batch"] = (
            torch.ones(batch * steps).long(),
            torch.full((batch * steps,), batch * steps),
        )


class LeftFlat(Agent):
    def reshaped(self, td, batch, steps):
        return td


class TimeMajor(Agent):
    def reshaped(self, td, batch, steps):
        return td.reshape(steps, batch).transpose(0, 1).contiguous()


class FlatValue(Agent):
    def write_training(self, td, log_probs, value, index):
        super().write_training(td, log_probs, value.flatten(), index)


class NoEntropy(Agent):
    def write_training(self, td, log_probs, value, index):
        super().write_training(td, log_probs, value, index)
        del td["entropy"]


class LongActions(Agent):
    def write_rollout(self, td, log_probs, value):
        super().write_rollout(td, log_probs, value)
        td["actions"] = td["actions"].long()
        return td


class NanEntropy(Agent):
    def write_training(self, td, log_probs, value, index):
        super().write_training(td, log_probs, value, index)
        td["entropy"] = td["entropy"] * float("nan")


class MutatesObservation(Agent):
    def read(self, td):
        observations = td["env_obs"]
        observations[..., 2].clamp_(max=254)
        return observations


class IgnoresActions(Agent):
    def evaluated(self, log_probs, action):
        return self.sample(log_probs)


class ShiftedActions(Agent):
    def evaluated(self, log_probs, action):
        return (super().evaluated(log_probs, action) + 1) % 19


class ConstantActions(Agent):
    def write_rollout(self, td, log_probs, value):
        super().write_rollout(td, log_probs, value)
        td["actions"] = torch.zeros_like(td["actions"])
        td["act_log_prob"] = log_probs[:, 0]
        return td


class GreedyHalf(Agent):
    def sample(self, log_probs):
        greedy = log_probs.argmax(-1)
        return torch.where(torch.rand(len(greedy)) < 0.5, greedy, super().sample(log_probs))


class HeadsOfTheirOwn(Agent):
    """A head for the type and one for the argument, which know nothing of each other."""

    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            logits, value = super().decode(hidden)
            return logits[:, :16], value

    def write_rollout(self, td, log_probs, value):
        each = self.each(log_probs)
        chosen = self.draw(each)
        td["actions"], td["values"] = chosen.int(), value.flatten()
        td["act_log_prob"], td["full_log_probs"] = self.chosen_log_prob(each, chosen), torch.stack(each, -1)
        return td

    def write_training(self, td, log_probs, value, index):
        each = self.each(log_probs)
        td["act_log_prob"], td["full_log_probs"] = self.chosen_log_prob(each, index), torch.stack(each, -1)
        td["entropy"] = sum(torch.distributions.Categorical(logits=one).entropy() for one in each)
        td["value"] = value

    def evaluated(self, log_probs, action):
        return action.long()

    def each(self, log_probs):
        kinds, arguments = log_probs.split([7, 9], dim=1)
        kinds = nn.functional.pad(kinds, (0, 2), value=-torch.inf)
        return [kinds.log_softmax(-1), arguments.log_softmax(-1)]

    def draw(self, each):
        return torch.stack([self.sample(one) for one in each], dim=1)

    def chosen_log_prob(self, each, chosen):
        return sum(one.gather(1, c.unsqueeze(1)).squeeze(1) for one, c in zip(each, chosen.T, strict=True))


class GreedyArguments(HeadsOfTheirOwn):
    def draw(self, each):
        return torch.stack([self.sample(each[0]), each[1].argmax(1)], dim=1)


class AttachedState(Agent):
    def remember(self, td, h, c, training):
        if not training:
            self.memory[self.slot(td)] = (h, c)


class AttachedTrainingState(Agent):
    """Keeps the state of training too, with its graph, and goes on from it."""

    carried = None

    def recall(self, td, batch, training):
        if training and self.carried is not None and self.carried[0].shape[1] == batch:
            return self.carried
        return super().recall(td, batch, training)

    def remember(self, td, h, c, training):
        super().remember(td, h, c, training)
        if training:
            self.carried = (h, c)


class GrowingLog(Agent):
    def __init__(self, *args, **config):
        super().__init__(*args, **config)
        self.log = []

    def remember(self, td, h, c, training):
        super().remember(td, h, c, training)
        self.log.append(h.detach())


class NoMemoryMethods(Agent):
    has_memory = get_memory = set_memory = None


class DeniesMemory(Agent):
    def has_memory(self):
        return False


class LiveSnapshot(Agent):
    def get_memory(self):
        return self.memory

    def set_memory(self, memory):
        self.memory = memory


class LiveTensors(Agent):
    def get_memory(self):
        return dict(self.memory)


class EmptyReset(Agent):
    def reset_memory(self):
        pass


class SharedSlot(Agent):
    def slot(self, td):
        return 0


class NoReset(Agent):
    def resets(self, td, batch, steps):
        return torch.zeros(batch, steps, dtype=torch.bool)


class ResetsOnDonesOnly(Agent):
    def resets(self, td, batch, steps):
        return super().resets(td.exclude("truncateds"), batch, steps)


class ResetsWithBothKeysOnly(Agent):
    def resets(self, td, batch, steps):
        if "dones" in td and "truncateds" in td:
            return super().resets(td, batch, steps)
        return torch.zeros(batch, steps, dtype=torch.bool)


class ResetsTheWholeBatch(Agent):
    def resets(self, td, batch, steps):
        resets = super().resets(td, batch, steps)
        return resets.any(0, keepdim=True).expand(batch, steps)


class NoResetInTraining(Agent):
    def resets(self, td, batch, steps):
        resets = super().resets(td, batch, steps)
        return resets if steps == 1 else torch.zeros_like(resets)


class TrainsFromZero(Agent):
    def recall(self, td, batch, training):
        return super().recall(td.exclude("training_env_id_start") if training else td, batch, training)


class Forgets(Agent):
    def remember(self, td, h, c, training):
        pass


class DefaultCore(Agent):
    def initialise(self):
        pass


class HalfGain(Agent):
    def initialise(self):
        super().initialise()
        nn.init.orthogonal_(self.lstm.weight_hh_l0, 0.5)


class LevelledGains(Agent):
    """Chooses a gain for its head, and gives every weight another."""

    def initialise(self):
        nn.init.orthogonal_(self.net.query.weight, 0.5)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.orthogonal_(parameter.data)
        super().initialise()


class LevelledBiases(Agent):
    """Keeps its head's bias away from 0, for a moment."""

    def initialise(self):
        nn.init.constant_(self.net.value.bias, 0.5)
        for name, parameter in self.net.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
        super().initialise()


class LevelledByApply(Agent):
    def initialise(self):
        nn.init.orthogonal_(self.net.query.weight, 0.5)
        self.net.apply(self.level)
        super().initialise()

    @staticmethod
    def level(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.orthogonal_(module.weight)


class LoopFirst(Agent):
    """No fault: what is special comes after the loop."""

    def initialise(self):
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.orthogonal_(parameter)
        nn.init.orthogonal_(self.net.query.weight, 0.5)
        super().initialise()


class SpecialAgain(LoopFirst):
    """No fault: the loop levels a gain that is given again."""

    def initialise(self):
        nn.init.orthogonal_(self.net.query.weight, 0.5)
        super().initialise()


class HeadsTogether(Agent):
    """No fault: layers that had one gain get another, in a loop over these alone."""

    def initialise(self):
        heads = (self.net.query, self.net.value)
        for layer in heads:
            self.layer(layer)
        for layer in heads:
            nn.init.orthogonal_(layer.weight, 0.5)
        super().initialise()

    def layer(self, layer, gain=2**0.5):
        nn.init.orthogonal_(layer.weight, gain)


class SlotsByNumber(Agent):
    """Dynamo is let in, and finds a number that Python takes out of a tensor."""

    forward = Agent.forward.__wrapped__


class SlotsOutOfSight(SlotsByNumber):
    @torch.compiler.disable
    def slot(self, td):
        return super().slot(td)


class CopiesItsState(Agent):
    def __getstate__(self):
        return self.__dict__


class StoreOfOneSize(Agent):
    """Its copies start from zeros, for as many rows as the last rollout step had."""

    def __getstate__(self):
        zeros = {group: (0 * h, 0 * c) for group, (h, c) in self.memory.items()}
        return {**self.__dict__, "memory": zeros}

    def recall(self, td, batch, training):
        return self.memory.get(self.slot(td), (torch.zeros(1, batch, H), torch.zeros(1, batch, H)))


class NoClipping(Agent):
    clip_weights = None


class EmptyClipping(Agent):
    def clip_weights(self):
        pass


class ClipsOneLayer(Agent):
    def clip_weights(self):
        if self.clip_range > 0:
            self.clip(self.net.value)


class ClipsAtZero(Agent):
    def clip_weights(self):
        self.clip_range = self.clip_range or 1.0
        super().clip_weights()


class DropsClipRange(Agent):
    def __init__(self, env, clip_range=0.0, **config):
        super().__init__(env, **config)


class RebindsWeights(Agent):
    def clip(self, module):
        module.weight = nn.Parameter(module.weight.clamp(-self.clip_range, self.clip_range))


class ClipsInGraph(Agent):
    def clip(self, module):
        module.weight.clamp_(-self.clip_range, self.clip_range)


class FreezesWeights(Agent):
    def clip(self, module):
        super().clip(module)
        module.weight.requires_grad_(False)


class NoConfig(Agent):
    def __init__(self, env):
        super().__init__(env)


class NoFurtherConfig(Agent):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, clip_range, analyze_weights_interval)


class DropsInterval(Agent):
    def __init__(self, env, analyze_weights_interval=300, **config):
        super().__init__(env, **config)


class SwallowsConfig(Agent):
    def configured(self, config):
        pass


class PaddingAsTokens(Agent):
    class net_class(Net):  # noqa: N801
        def encode(self, tokens):
            tokens = tokens.clone()
            tokens[tokens == 255] = 0
            return super().encode(tokens)


class PaddingErasesCorner(Agent):
    """Padding writes a 0 over whatever stands at attribute 0 of cell (0, 0)."""

    class net_class(Net):  # noqa: N801
        def encode(self, tokens):
            padded = (tokens[..., 0] == 255).any(-1)
            corner = (tokens[..., 0] == 0) & (tokens[..., 1] == 0) & padded.unsqueeze(-1)
            return super().encode(tokens.masked_fill(corner.unsqueeze(-1), 255))


class NotCopied(Agent):
    """No fault of its input or head: it holds what cannot be copied."""

    def __init__(self, *args, **config):
        super().__init__(*args, **config)
        self.lock = threading.Lock()


class FlatBox(Agent):
    """Looks for padding and for unknown features only."""

    class net_class(Net):  # noqa: N801
        def is_token(self, tokens):
            return (tokens[..., 0] != 255) & (tokens[..., 1] < FEATURES - 1)


class UnknownFeatures(Agent):
    """Looks at the coordinates only."""

    class net_class(Net):  # noqa: N801
        def is_token(self, tokens):
            coordinates = tokens[..., 0].long()
            return (coordinates >> 4 < 11) & (coordinates & 15 < 11)


class ClampsTokens(Agent):
    """No fault: what lies outside is put at the edge."""

    class net_class(Net):  # noqa: N801
        def encode(self, tokens):
            token = (tokens[..., :1] != 255).long()
            coordinates, attribute, value = (tokens.long() * token).unbind(-1)
            x, y = (coordinates >> 4).clamp_max(10), (coordinates & 15).clamp_max(10)
            inside = torch.stack([x << 4 | y, attribute.clamp_max(FEATURES - 1), value], -1)
            return super().encode(inside)


class BlindToPlaces(Agent):
    """No fault: a feature counts alike wherever it is."""

    class net_class(Net):  # noqa: N801
        def encode(self, tokens):
            tokens = tokens.clone()
            tokens[..., 0].masked_fill_(tokens[..., 0] != 255, 0)
            return super().encode(tokens)


class RefusesTokens(Agent):
    """No fault: says what is wrong."""

    class net_class(Net):  # noqa: N801
        def encode(self, tokens):
            if bool(((tokens[..., 0] != 255) & ~self.is_token(tokens)).any()):
                raise ValueError("tokens outside the window")
            return super().encode(tokens)


class CollapsedIndex(Agent):
    def _convert_action_to_logit_index(self, action):
        kind, argument = action.long().unbind(-1)
        return self.cum_action_max_params[kind] + argument


class NoCodec(Agent):
    """Converts for itself, offers the conversion to nobody."""

    _convert_action_to_logit_index = None

    def evaluated(self, log_probs, action):
        return Agent._convert_action_to_logit_index(self, action)


class LoudEmbeddings(Agent):
    """Keeps torch's own initialisation."""

    class net_class(Net):  # noqa: N801
        def __init__(self):
            super().__init__()
            self.action_embeddings.reset_parameters()


class QuietEmbeddings(Agent):
    """No fault: drawn in another way, and small."""

    class net_class(Net):  # noqa: N801
        def __init__(self):
            super().__init__()
            nn.init.trunc_normal_(self.action_embeddings.weight, std=0.02, a=-0.1, b=0.1)


class AveragedEmbeddings(Agent):
    class net_class(Net):  # noqa: N801
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(H + 8, 19)

        def decode(self, hidden):
            mean = self.action_embeddings.weight.mean(0).expand(len(hidden), -1)
            return self.head(torch.cat([hidden, mean], -1)), self.value(hidden)


class SharedRows(Agent):
    """Two actions score against one row of the table."""

    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            rows = torch.arange(19)
            rows[3] = 2
            return torch.tanh(self.query(hidden)) @ self.action_embeddings.weight[rows].T, self.value(hidden)


class TanhOfScores(Agent):
    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            logits, value = super().decode(hidden)
            return torch.tanh(logits) + torch.linspace(0, 1, 19), value


class BiasedScores(Agent):
    """No fault: each action has a bias of its own beside its embedding."""

    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            logits, value = super().decode(hidden)
            return logits + torch.linspace(0, 1, 19), value


class ScaledTanh(Agent):
    """No fault: the scores are bounded by 10, and can choose."""

    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            logits, value = super().decode(hidden)
            return 10 * torch.tanh(logits), value


class Cosines(Agent):
    """No fault that this probe could prove: the scores are no tanh."""

    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            table = nn.functional.normalize(self.action_embeddings.weight[:19])
            return nn.functional.normalize(self.query(hidden)) @ table.T, self.value(hidden)


class ScaledByTheBatch(Agent):
    class Scaling(Net):
        def encode(self, tokens):
            loudest = tokens[..., 2].max()
            features = super().encode(tokens)
            return features * 10 if loudest < 2 else features

    net_class = Scaling


class WholeQuotients(Agent):
    """Divides by each feature's normalisation, and keeps the bytes."""

    def __init__(self, env, **config):
        super().__init__(env, **config)
        self.divisors = torch.tensor([*env.feature_normalizations.values(), *[1.0] * 232])

    def read(self, td):
        tokens = td["env_obs"].clone()
        tokens[..., 2] = tokens[..., 2] / self.divisors[tokens[..., 1].long()]
        return tokens


class WholeShares(Agent):
    def read(self, td):
        tokens = td["env_obs"].clone()
        tokens[..., 2] = tokens[..., 2] / 255
        return tokens


class Bins(Agent):
    """No fault: values are sorted into bins of ten."""

    def read(self, td):
        tokens = td["env_obs"].clone()
        tokens[..., 2] = tokens[..., 2] // 10
        return tokens


class Quotients(WholeQuotients):
    """No fault: the quotients are floats, and 255 stands for 1 where the net cuts them."""

    def read(self, td):
        tokens = td["env_obs"].float()
        tokens[..., 2] *= 255 / self.divisors[tokens[..., 1].long()]
        return tokens


class AtMostTheNormalisation(WholeQuotients):
    """No fault: values above a feature's normalisation count as the normalisation."""

    def read(self, td):
        tokens = td["env_obs"].clone()
        tokens[..., 2] = tokens[..., 2].minimum(self.divisors[tokens[..., 1].long()].byte())
        return tokens


class SixteenLogits(Agent):
    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            logits, value = super().decode(hidden)
            return logits[:, :16], value


class MaskedAction(Agent):
    class net_class(Net):  # noqa: N801
        def decode(self, hidden):
            logits, value = super().decode(hidden)
            return logits.index_fill(1, torch.tensor([7]), -torch.inf), value


class Undecided(Agent):
    """Draws from a generator that no seed reaches."""

    def sample(self, log_probs):
        generator = torch.Generator()
        generator.seed()
        return torch.multinomial(log_probs.exp(), 1, generator=generator).squeeze(1)


class UnregisteredScale(Agent):
    """A random tensor that the outputs need and the state_dict does not know."""

    def __init__(self, *args, **config):
        super().__init__(*args, **config)
        self.scale = 1 + torch.rand(())

    def write_rollout(self, td, log_probs, value):
        return super().write_rollout(td, log_probs, value * self.scale)

    def write_training(self, td, log_probs, value, index):
        super().write_training(td, log_probs, value * self.scale, index)


class GrowingStateDict(Agent):
    def remember(self, td, h, c, training):
        super().remember(td, h, c, training)
        self.register_buffer("last", h.detach())


class FeedForward(Agent):
    """No recurrent core, no memory: the clauses about state do not apply."""

    has_memory = get_memory = set_memory = reset_memory = None

    def __init__(self, *args, **config):
        super().__init__(*args, **config)
        del self.lstm

    def core(self, x, state):
        return x, state

    def remember(self, td, h, c, training):
        pass

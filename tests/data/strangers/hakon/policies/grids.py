import torch
import torch.nn as nn
import torch.nn.functional as F

from policies.common import Acting, Bounded, Kept, count_actions, fold, scales_of, start_core


class Mosaic(Kept, Bounded, Acting, nn.Module):
    """A picture with a channel for each feature, through convolutions with a shortcut."""

    def __init__(self, env, hidden_size=64, num_layers=2, clip_range=0.0, analyze_weights_interval=300, **more):
        super().__init__()
        if more:
            raise TypeError("Mosaic does not know %s" % ", ".join(sorted(more)))
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.channels = max(env.feature_normalizations) + 1
        self.shape = (env.obs_width, env.obs_height)
        self.register_buffer("scales", scales_of(env))
        self.stem = nn.Conv2d(self.channels, 24, 3, padding=1)
        self.deep = nn.Conv2d(24, 24, 3, padding=1)
        self.stride = nn.Conv2d(24, 32, 3, 2)
        size = (self.shape[0] - 1) // 2 * ((self.shape[1] - 1) // 2)
        self.flat = nn.Linear(32 * size, hidden_size)
        self.lstm = start_core(nn.LSTM(hidden_size, hidden_size, num_layers=num_layers))
        self.heads(env, hidden_size)
        self.keep(num_layers, hidden_size)
        self.mark()

    def heads(self, env, hidden_size):
        self.pi = nn.Linear(hidden_size, count_actions(env))
        self.v = nn.Linear(hidden_size, 1)

    def act(self, y):
        return self.pi(y)

    def draw(self, obs):
        W, H = self.shape
        place, kind = obs[..., 0].long(), obs[..., 1].long()
        x, y = place // 16, place % 16
        value = obs[..., 2].float() / self.scales[kind]
        fits = torch.stack([place != 255, x < W, y < H, kind < self.channels]).all(0)
        where = (x * H + y) * self.channels + kind
        cells = W * H * self.channels
        where = torch.where(fits, where, cells)
        sheet = torch.zeros(obs.shape[0], cells + 1, device=obs.device).scatter(1, where, value)
        return sheet[:, :cells].reshape(-1, W, H, self.channels).permute(0, 3, 1, 2)

    def encode(self, obs):
        z = F.relu(self.stem(self.draw(obs)))
        z = z + self.deep(z)
        z = F.relu(self.stride(F.relu(z)))
        return F.relu(self.flat(z.flatten(1)))

    def forward(self, td, state=None, action=None):
        td, B, T = fold(td)
        y = self.remember(td, self.encode(td["env_obs"]), B, T, action is None)
        self.answer(td, self.act(y), self.v(y), action)
        return td if action is None else td.reshape(B, T)


class MosaicWide(Mosaic):
    """Draws without sorting out; a smaller head."""

    def draw(self, obs):
        W, H = self.shape
        obs = obs.long()
        place, kind = obs[..., 0], obs[..., 1]
        real = place != 255
        x, y = place // 16, place % 16
        row = torch.arange(obs.shape[0], device=obs.device).unsqueeze(1).expand_as(place)
        sheet = torch.zeros(obs.shape[0], self.channels, W, H, device=obs.device)
        value = obs[..., 2].float() / self.scales[kind]
        sheet[row[real], kind[real], x[real], y[real]] = value[real]
        return sheet

    def heads(self, env, hidden_size):
        self.mid = nn.Linear(hidden_size, 24)
        self.pi = nn.Linear(24, count_actions(env))
        self.v = nn.Linear(hidden_size, 1)

    def act(self, y):
        return self.pi(self.mid(y))

    def clip_weights(self):
        pass


class MosaicNames(Mosaic):
    """Scores actions by their embeddings, kinds first."""

    def heads(self, env, hidden_size):
        sizes = [most + 1 for most in env.max_action_args]
        self.register_buffer("cum_counts", torch.tensor([0] + sizes).cumsum(0), persistent=False)
        self.names = nn.Embedding(count_actions(env), 20)
        nn.init.xavier_uniform_(self.names.weight)
        self.query = nn.Linear(hidden_size, 20)
        self.v = nn.Linear(hidden_size, 1)

    def act(self, y):
        return torch.matmul(torch.tanh(self.query(y)), self.names.weight.t())

    def _convert_action_to_logit_index(self, pairs):
        pairs = pairs.reshape(-1, 2).long()
        kind, argument = pairs[:, 0], pairs[:, 1]
        return kind + self.cum_counts[kind] + argument

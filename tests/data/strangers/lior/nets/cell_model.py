import torch
from torch import nn

from nets.base import RecurrentModel
from nets.layers import dense
from nets.scopes import name_scope


class CellModel(RecurrentModel):
    """The smallest thing that remembers: Fourier features of the tokens, one LSTM cell."""

    DEFAULTS = {"units": 64, "bands": 4, "slots": 2048}

    def build(self, env):
        units, bands = self.params["units"], self.params["bands"]
        self.frequencies = 2.0 ** torch.arange(bands)
        self.token_net = nn.Sequential(
            dense(3 + 6 * bands, 128, nn.ReLU),
            dense(128, units, nn.ReLU),
        )
        self.cell = nn.LSTMCell(units, units)
        self.policy_head = dense(units, len(self.lookup), kernel_gain=0.01)
        self.value_head = dense(units, 1)
        self.build_carry(1, units, self.params["slots"])

    def clip_weights(self):
        """Kernel constraints belong to the layers."""

    def write_carry(self, slots, h, c):
        self.carry_h = self.carry_h.index_copy(1, slots, h)
        self.carry_c = self.carry_c.index_copy(1, slots, c)

    def fourier(self, x):
        angles = (x.unsqueeze(-1) * self.frequencies).flatten(-2)
        return torch.cat([x, angles.sin(), angles.cos()], dim=-1)

    def call(self, flat, batch, time, training):
        tokens = flat["env_obs"]
        with name_scope("encoder"):
            padding = tokens[..., :1] == 255
            x = tokens.float()
            x = x / x.max()
            x = self.token_net(self.fourier(x)).masked_fill(padding, 0.0).sum(dim=1)
        with name_scope("cell"):
            x = x.view(batch, time, -1)
            begins = self.begins(flat, batch, time)
            slots = self.slots(flat, batch)
            h, c = self.read_carry(slots)
            h, c = h[0], c[0]
            steps = []
            for t in range(time):
                keep = (~begins[:, t, None]).float()
                h, c = self.cell(x[:, t], (h * keep, c * keep))
                steps.append(h)
            self.write_carry(slots, h[None], c[None])
            x = torch.stack(steps, dim=1).flatten(0, 1)
        return self.policy_head(x), self.value_head(x)

    def evaluate(self, log_probs, value, action):
        outputs = self.sample(log_probs, value)
        probs = outputs["full_log_probs"].exp()
        return {
            "act_log_prob": outputs["act_log_prob"],
            "entropy": -(probs * log_probs).sum(dim=-1),
            "value": value,
            "full_log_probs": log_probs,
        }

"""The agent under the microscope."""

import torch
import torch.nn.functional as F
from torch import nn

from agent import Net, R, alive


class NetDbg(Net):
    def __init__(self, env, hid=128):
        super().__init__(env, hid)
        self.gain = torch.linspace(0.5, 2.0, self.box[0])[:, None, None]

    def draw(self, obs):
        box = super().draw(obs) * self.gain
        if not torch.isfinite(box).all():
            raise FloatingPointError("a feature without a norm")
        return box


class RDbg(R):
    def __init__(self, env, hid=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, NetDbg(env, hid), hid, num_layers, clip_range, analyze_weights_interval)

    def clip_weights(self):
        if self.clip_range > 0:
            for m in self.modules():
                if isinstance(m, (nn.Linear, nn.Conv2d)):
                    m.weight = nn.Parameter(m.weight.clamp(-self.clip_range, self.clip_range))

    def run(self, td, x, B, T):
        T = td["bptt"][0].item()
        i = torch.arange(B)
        if "training_env_id_start" in td.keys():
            i = i + td["training_env_id_start"][0]
        if self.mem is None:
            self.mem = torch.zeros(2, self.core.num_layers, self.ENVS, self.core.hidden_size, device=x.device)
        h, c = self.mem[:, :, i]
        out = []
        for xt, on in zip(x.view(B, T, -1).transpose(0, 1), alive(td, B, T)):
            y, (h, c) = self.core(xt[None], (h * on, c * on))
            out.append(y[0])
        self.mem[:, :, i] = torch.stack((h, c)).detach()
        return torch.stack(out, 1).view(B * T, -1)

from torch import nn


class Agent(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        self.clip_range = cfg.clip_range
        self.net = nn.Linear(600, cfg.hidden_size)

    def forward(self, td):
        td["values"] = self.net(td["env_obs"].flatten(1).float())
        return td


def make(env, cfg):
    if cfg.compile:
        return Agent(env, cfg).compile()
    return Agent(env, cfg)

import sys
from types import SimpleNamespace

import torch
import yaml

from agents import make_agent
from learn.trainer import Trainer
from learn.variants import (
    ContinualTrainer,
    CriticTrainer,
    KickstartTrainer,
    PatientTrainer,
    RankedTrainer,
    RegressionTrainer,
    TwoSpeedTrainer,
)

TRAINERS = {
    "plain": Trainer,
    "critic": CriticTrainer,
    "continual": ContinualTrainer,
    "patient": PatientTrainer,
    "ranked": RankedTrainer,
    "regression": RegressionTrainer,
    "two-speed": TwoSpeedTrainer,
}


class Arena:
    """Two groups of agents, stepped in turn."""

    obs_width = obs_height = 11
    feature_normalizations = {0: 1.0, 1: 8.0, 2: 20.0}
    max_action_args = [0, 1, 3]
    single_observation_space = SimpleNamespace(shape=(32, 3))

    def __init__(self, num_agents=16, lasts=64):
        self.num_agents, self.lasts = num_agents, lasts
        self.age = torch.zeros(num_agents)
        self.group = 0

    def recv(self):
        half = self.num_agents // 2
        rows = slice(self.group, self.group + half)
        obs = torch.randint(0, 3, (half, *self.single_observation_space.shape), dtype=torch.uint8)
        obs[:, 20:] = 255
        dones = (torch.rand(half) < 0.01).float()
        truncateds = (self.age[rows] >= self.lasts).float()
        self.age[rows] = (self.age[rows] + 1) * (1 - truncateds) * (1 - dones)
        return obs, torch.rand(half), dones, truncateds, self.group

    def send(self, actions):
        self.group = (self.group + actions.shape[0]) % self.num_agents


def with_tables(agent, env, device):
    limits = torch.tensor([0] + env.max_action_args, device=device)
    agent.cum_action_max_params = torch.cumsum(limits, 0)
    rows = [[kind, argument] for kind, most in enumerate(env.max_action_args) for argument in range(most + 1)]
    agent.action_index_tensor = torch.tensor(rows, dtype=torch.int32, device=device)
    return agent


def main(path):
    with open(path) as file:
        config = yaml.safe_load(file)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    env = Arena()
    agent = with_tables(make_agent(config, env), env, device)
    settings = config["trainer"]
    if settings["name"] == "kickstart":
        teacher = with_tables(make_agent(config, env), env, device)
        teacher.load_state_dict(torch.load(settings["teacher"], map_location="cpu"))
        trainer = KickstartTrainer(agent, env, settings, device, teacher)
    else:
        trainer = TRAINERS[settings["name"]](agent, env, settings, device)
    trainer.run(config["epochs"])
    torch.save(agent.state_dict(), "last.pt")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "configs/bram.yaml")

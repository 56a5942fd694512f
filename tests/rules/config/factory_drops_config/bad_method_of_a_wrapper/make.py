from torch import nn

from mapper import agent_classes


class Wrapper(nn.Module):
    def __init__(self, env, agent_cfg):
        super().__init__()
        self.policy = self._create_policy(agent_cfg, env)

    def _create_policy(self, agent_cfg, env):
        if agent_cfg.get("agent_type") in agent_classes:
            AgentClass = agent_classes[agent_cfg.agent_type]
            policy = AgentClass(env=env)  # expect: PF403
        else:
            policy = nn.Identity()
        return policy

    def forward(self, td):
        return self.policy(td)

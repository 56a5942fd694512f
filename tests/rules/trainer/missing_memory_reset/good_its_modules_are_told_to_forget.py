import torch
from tensordict import TensorDict


class Agent(torch.nn.Module):
    def get_agent_experience_spec(self):
        return self.spec

    def reset_memory(self):
        self.states = {}

    def forward(self, td, state=None, action=None):
        return td


def train(policy: Agent, optimizer, env, buffer):
    for _epoch in range(100):
        policy.reset_memory()
        while not buffer.full:
            observation, group = env.recv()
            td = TensorDict({"env_obs": observation}, batch_size=[len(observation)])
            td["training_env_id_start"] = group
            with torch.no_grad():
                policy(td)
            buffer.store(td)
        for minibatch in buffer.minibatches():
            for module in policy.modules():
                if hasattr(module, "forget"):
                    module.forget()
            out = policy(minibatch, action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()

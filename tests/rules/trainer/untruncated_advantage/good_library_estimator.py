import torch
from tensordict import TensorDict
from torchrl.objectives.value.functional import generalized_advantage_estimate


def train(policy, optimizer, buffer, env):
    td = TensorDict({"env_obs": env.observation()}, batch_size=[8])
    td["training_env_id_start"] = torch.zeros(8, dtype=torch.long)
    td["dones"], td["truncateds"] = env.flags()
    policy.reset_memory()
    policy(td)
    advantage, _ = generalized_advantage_estimate(
        0.99, 0.95, buffer["values"], buffer["next_values"], buffer["rewards"], buffer["dones"], buffer["terminated"]
    )
    policy.reset_memory()
    loss = -(policy(td, action=td["actions"])["act_log_prob"] * advantage).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()

import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


class Trainer:
    def __init__(self, policy, optimizer):
        self.policy = policy
        self.optimizer = optimizer
        scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
        frames = UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8)
        spec = Composite({"env_obs": frames, "actions": scalar, "advantages": scalar})
        self.buffer = spec.expand(64, 16).zero()

    def update(self):
        for start in range(0, 64, 4):
            self.policy.reset_memory()
            minibatch = self.buffer[start : start + 4]
            td = self.policy(minibatch.clone(), action=minibatch["actions"])
            loss = -(td["act_log_prob"] * minibatch["advantages"]).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.policy.clip_weights()
            fresh = TensorDict({}, batch_size=[4, 16])
            fresh["entropy"] = td["entropy"].detach()  # expect: PF604
            self.buffer[start : start + 4].update(fresh)

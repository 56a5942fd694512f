from base import BaseTrainer


class PPO(BaseTrainer):
    def update(self, td):
        loss = -self.policy(td, action=td["actions"])["act_log_prob"].mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

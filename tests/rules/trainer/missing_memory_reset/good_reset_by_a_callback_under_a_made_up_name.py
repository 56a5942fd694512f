import torch
from torch.nn.utils import clip_grad_norm_


class Callback:
    def on_rollout(self, engine):
        pass

    def on_minibatch(self, engine):
        pass


class Blank(Callback):
    def on_rollout(self, engine):
        engine.policy.reset_memory()

    on_minibatch = on_rollout


class Engine:
    def __init__(self, policy, optimizer, store, callbacks=()):
        self.policy, self.optimizer, self.store = policy, optimizer, store
        self.callbacks = [Blank(), *callbacks]

    def emit(self, event):
        for callback in self.callbacks:
            getattr(callback, f"on_{event}")(self)

    def fit(self, epochs):
        for _ in range(epochs):
            self.emit("rollout")
            for td in self.store.minibatches():
                self.emit("minibatch")
                loss = -self.policy(td, action=td["actions"])["act_log_prob"].mean()
                self.optimizer.zero_grad()
                loss.backward()
                clip_grad_norm_(self.policy.parameters(), 0.5)
                self.optimizer.step()
                self.policy.clip_weights()

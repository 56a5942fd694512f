"""An engine that emits events, and the callbacks that act on them."""
import torch
from torch.nn.utils import clip_grad_norm_

import losses


class Callback:
    def on_rollout(self, engine):
        pass

    def on_minibatch(self, engine):
        pass

    def on_stepped(self, engine):
        pass

    def on_epoch(self, engine):
        pass


class Blank(Callback):
    """The memory is empty where a rollout or a minibatch starts."""

    def on_rollout(self, engine):
        engine.policy.reset_memory()

    on_minibatch = on_rollout


class Bound(Callback):
    def on_stepped(self, engine):
        engine.policy.clip_weights()


class Anneal(Callback):
    def __init__(self, factor=0.99):
        self.factor = factor

    def on_epoch(self, engine):
        for group in engine.optimizer.param_groups:
            group["lr"] *= self.factor


class Evaluate(Callback):
    def __init__(self, make_sim, every=5, steps=60):
        self.make_sim, self.every, self.steps = make_sim, every, steps
        self.scores = []

    @torch.no_grad()
    def on_epoch(self, engine):
        if engine.epoch % self.every:
            return
        sim, total = self.make_sim(), 0.0
        engine.policy.reset_memory()
        for _ in range(self.steps):
            td = sim.recv(engine.device)
            engine.policy(td)
            total += td["rewards"].mean().item()
            sim.send(td["actions"].cpu())
        self.scores.append(total / self.steps)


class Engine:
    def __init__(self, policy, sim, store, estimator, lr=3e-4, minibatch=8, device="cpu", callbacks=()):
        self.policy, self.sim, self.store, self.estimator = policy, sim, store, estimator
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
        self.minibatch, self.device = minibatch, device
        self.callbacks = [Blank(), Bound(), *callbacks]
        self.epoch = 0

    def emit(self, event):
        for callback in self.callbacks:
            getattr(callback, f"on_{event}")(self)

    def fit(self, epochs):
        for self.epoch in range(epochs):
            self.emit("rollout")
            with torch.no_grad():
                self.store.fill(self.sim, self.policy, self.device)
            self.store.finish(self.estimator(self.store.td))
            for rows, minibatch in self.store.split(self.minibatch):
                self.emit("minibatch")
                out = self.policy(minibatch.select(*self.store.seen), action=minibatch["actions"])
                loss = losses.ppo(out, minibatch, self.store.advantages[rows])
                self.optimizer.zero_grad()
                loss.backward()
                clip_grad_norm_(self.policy.parameters(), 0.5)
                self.optimizer.step()
                self.emit("stepped")
            self.emit("epoch")

"""Policy phases, and now and then an auxiliary one, which fits values and keeps the policy where it is."""
import torch
from torch.nn.utils import clip_grad_norm_

import losses
from estimators import TwoHorizonGae
from policies.slate import Slate
from storage import AuxStore


class Phasic:
    def __init__(self, policy: Slate, sim, segments, horizon, lr, device):
        self.policy, self.sim, self.device = policy, sim, device
        self.store = AuxStore(policy, segments, horizon, device)
        self.estimate = TwoHorizonGae()
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
        self.aux_optimizer = torch.optim.Adam(policy.parameters(), lr=lr / 3)

    def evaluate(self, minibatch):
        return self.policy(minibatch.select(*self.store.seen), action=minibatch["actions"])

    def play(self):
        self.policy.reset_memory()
        with torch.no_grad():
            self.store.fill(self.sim, self.policy, self.device)
        self.store.finish(self.estimate(self.store.td))
        self.store.silence(self.store.td["rewards"].isnan())

    def policy_phase(self, size):
        for rows, minibatch in self.store.split(size):
            self.policy.reset_memory()
            loss = losses.ppo(self.evaluate(minibatch), minibatch, self.store.advantages[rows])
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.policy.parameters(), 0.5)
            self.optimizer.step()
            self.policy.clip_weights()

    def auxiliary_phase(self, size):
        self.policy.reset_memory()
        for rows, minibatch in self.store.split(size):
            with torch.no_grad():
                before = self.evaluate(minibatch)
            self.store.freeze(rows, before)
            out = self.evaluate(minibatch)
            error = (out["value"].squeeze(-1) - minibatch["returns"]).square().mean()
            loss = error + losses.agreement(out["full_log_probs"], before["full_log_probs"])
            self.aux_optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.policy.parameters(), 0.5)
            self.aux_optimizer.step()
            self.store.overwrite(rows, out["value"].detach().squeeze(-1), out["act_log_prob"].detach())

    def run(self, cycles, phases=4, size=8):
        for _ in range(cycles):
            for _ in range(phases):
                self.play()
                self.policy_phase(size)
            self.auxiliary_phase(size)

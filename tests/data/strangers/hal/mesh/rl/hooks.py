"""What happens around the trainer's phases."""

import logging

import torch

log = logging.getLogger(__name__)


class Hook:
    def before_rollout(self, trainer): ...

    def before_minibatch(self, trainer): ...

    def after_step(self, trainer): ...

    def after_epoch(self, trainer): ...


class MemoryHook(Hook):
    def before_rollout(self, trainer):
        trainer.agent.reset_memory()

    def before_minibatch(self, trainer):
        trainer.agent.reset_memory()


class ClipHook(Hook):
    def after_step(self, trainer):
        trainer.agent.clip_weights()


class CheckpointHook(Hook):
    def __init__(self, path, every):
        self.path, self.every = path, every

    def after_epoch(self, trainer):
        if trainer.epoch % self.every == 0:
            torch.save(trainer.agent.state_dict(), self.path)
            log.info("saved %s", self.path)

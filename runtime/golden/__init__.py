"""Replay recorded numbers of a policy, and say how far ours are from them in units of the tolerance.

    python -m policyfix.runtime.golden FOLDER...
    python -m policyfix.runtime.golden --builder mine.agents:build FOLDER

A folder holds `meta.json` (environment, seeds, tolerances, labels) and, each of them optional, what was
recorded:

- `weights.safetensors`: the `state_dict` that everything below was recorded with;
- `rollout.safetensors`: `in.*` of a number of rollout calls in their order, and `out.*`;
- `train.safetensors`: `in.*` of one `[B, T]` minibatch, `out.*`, `loss_weight.*`, `grad.<parameter>`, and
  `carry.*` of a second forward without `reset_memory`;
- `edge.safetensors`: `caseNN.in.env_obs` and `caseNN.out.*`, or an error or warning that `meta.json` names;
- `clip.safetensors`: strided samples of every parameter `before` and `after` clipping, exact;
- `intermediates.safetensors`: outputs of single components or modules in the first rollout call.

A folder with `ppo.safetensors` holds a trainer's arithmetic instead: advantages, sampling, loss and
gradients.

Every line of the report is a tensor with its worst deviation: 1 is as far as the tolerance allows. Exit
status 1 when one is over, 2 when a folder cannot be read.
"""

from pathlib import Path

from . import trainer
from .builders import BUILDERS, environment, in_components, open_folder, under_agent
from .policy import SEEDS, replay
from .recording import Builder, Deviation, Folder, Subject, UnreadableError, read_meta, units
from .trainer import replay_trainer

__all__ = [
    "BUILDERS",
    "SEEDS",
    "Builder",
    "Deviation",
    "Folder",
    "Subject",
    "UnreadableError",
    "environment",
    "in_components",
    "open_folder",
    "read_meta",
    "replay",
    "replay_folder",
    "replay_trainer",
    "under_agent",
    "units",
]


def replay_folder(path: Path, builder: Builder | None = None, seeds: int = SEEDS) -> list[Deviation]:
    """All deviations of a folder. Raises UnreadableError."""
    try:
        if (path / trainer.FILE).exists():
            return list(replay_trainer(path))
        return list(replay(open_folder(path, builder), seeds))
    except KeyError as error:
        raise UnreadableError(f"the recording lacks {error}") from error

"""What memory is worth: a task that nobody solves without it, in both modes, by switch, with memory shut.

    python benchmarks/memory_task.py [--updates N] [--seeds N] [--write]

Cue recall with 4 cues and delays of 2 to 5 steps; without memory at best 0.25 an episode. Every row is the
same architecture and the same trainer config, but for what it names. `--write` keeps the table in `results`.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from policyfix.runtime import RecurrentPolicy
from policyfix.runtime.modes import SOUND, Mode, resolve_mode
from policyfix.runtime.training.memory_task import CueRecall
from policyfix.runtime.training.trainer import PPOConfig, Trainer, evaluate

RESULTS = Path(__file__).parent / "results" / "memory_task.md"
HIDDEN = 32
CONFIG = PPOConfig(
    batch_size=64 * 16, minibatch_size=256, horizon=8, update_epochs=2, learning_rate=1e-2, gamma=0.9,
    gae_lambda=0.9, ent_coef=0.005, clip_coef=0.2, vf_clip_coef=0.2,
)  # fmt: skip


class FirstFeature(nn.Module):
    """Sees which feature the first token names."""

    def __init__(self, cues: int) -> None:
        super().__init__()
        self.cues = cues
        self.encoder = nn.Linear(cues + 2, HIDDEN)
        self.actor = nn.Linear(HIDDEN, cues + 1)
        self.critic = nn.Linear(HIDDEN, 1)

    def encode_observations(self, observations: Tensor) -> Tensor:
        feature = observations[:, 0, 1].long().clamp(max=self.cues + 1)
        return torch.relu(self.encoder(nn.functional.one_hot(feature, self.cues + 2).float()))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(hidden), self.critic(hidden)


def forget(policy: RecurrentPolicy) -> None:
    """Shut the forget gates for good, and hide the last output."""
    with torch.no_grad():
        policy.lstm.weight_hh_l0.requires_grad_(False).zero_()
        policy.lstm.bias_hh_l0[HIDDEN : 2 * HIDDEN] = -60.0


def remember(policy: RecurrentPolicy) -> None:
    """As it is built."""


def train(
    seed: int, updates: int, mode: Mode, prepare: Callable[[RecurrentPolicy], None], optimizer: str = "adam"
) -> tuple[float, int | None]:
    """Reward per episode after `updates`, and the update at which training first earned 0.9."""
    torch.manual_seed(seed)
    env = CueRecall(agents=64, cues=4, delay=(2, 5), groups=2, seed=seed)
    policy = RecurrentPolicy(env, FirstFeature(4), HIDDEN, HIDDEN, num_layers=1)
    prepare(policy)
    trainer = Trainer(policy, env, replace(CONFIG, optimizer=optimizer), mode=mode)
    history = [record["reward_per_episode"] for record in trainer.run(updates)]
    solved = next((number for number, reward in enumerate(history, 1) if reward >= 0.9), None)
    test = CueRecall(agents=64, cues=4, delay=(2, 5), seed=seed + 1000)
    return evaluate(policy, test, 200, mode=mode)["reward_per_episode"], solved


ROWS: dict[str, dict] = {
    "sound": {"mode": SOUND, "prepare": remember},
    "sound, Muon": {"mode": SOUND, "prepare": remember, "optimizer": "muon"},
    "sound, segments start from zeros": {
        "mode": replace(SOUND, segments_start_from_their_state=False),
        "prepare": remember,
    },
    "sound, training does not see episodes begin": {
        "mode": replace(SOUND, training_knows_episodes=False),
        "prepare": remember,
    },
    "reference trainer": {"mode": resolve_mode("reference"), "prepare": remember},
    "sound, memory shut": {"mode": SOUND, "prepare": forget},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/memory_task.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = [
        "# Cue recall: what memory is worth", "",
        f"`python benchmarks/memory_task.py --updates {options.updates} --seeds {options.seeds}`, torch "
        f"{torch.__version__}, one thread. {CONFIG.batch_size} steps an update.", "",
        "| | reward per episode at the end (each seed) | updates until 0.9 (each seed) | seconds a run |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for name, row in ROWS.items():
        began = time.perf_counter()
        results = [train(seed, options.updates, **row) for seed in range(options.seeds)]
        seconds = (time.perf_counter() - began) / options.seeds
        scores = ", ".join(f"{score:.2f}" for score, _ in results)
        solved = ", ".join(str(update or "never") for _, update in results)
        lines.append(f"| {name} | {scores} | {solved} | {seconds:.0f} |")
        print(name, statistics.mean(score for score, _ in results), solved, flush=True)
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

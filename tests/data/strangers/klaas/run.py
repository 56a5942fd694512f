import importlib
import sys

import torch
import yaml

from algo.checkpoint import keep_every, resume
from algo.learner import BoundedLearner, CosineLearner, Learner, OffPolicyLearner, PairedLearner, WarmLearner
from algo.store import AgingStore, TrajectoryStore, WeighedStore
from algo.worker import InlineWorker, RolloutWorker
from core.policy import CompactPolicy, FadingPolicy, GlimpsePolicy, ImpalaPolicy, ReplayedPolicy, ResidualPolicy

POLICIES = {
    c.__name__: c
    for c in (ImpalaPolicy, ResidualPolicy, GlimpsePolicy, FadingPolicy, CompactPolicy, ReplayedPolicy)
}
LEARNERS = {c.__name__: c for c in (Learner, WarmLearner, CosineLearner, OffPolicyLearner, BoundedLearner, PairedLearner)}
STORES = {c.__name__: c for c in (TrajectoryStore, AgingStore, WeighedStore)}


def main(path: str) -> None:
    with open(path) as file:
        cfg = yaml.safe_load(file)
    device = cfg.get("device", "cpu")
    vecenv = importlib.import_module(cfg["env"]).make_vector(cfg["segments"])
    env = vecenv.driver_env
    policy = POLICIES[cfg["policy"]["name"]](env, **cfg["policy"]["options"]).to(device)
    top = torch.tensor(env.max_action_args)
    policy.cum_action_max_params = torch.cat([top.new_zeros(1), top.cumsum(0)]).to(device)
    policy.action_index_tensor = torch.tensor(
        [(k, a) for k, most in enumerate(env.max_action_args) for a in range(most + 1)], dtype=torch.int32, device=device
    )
    store = STORES[cfg["store"]](policy.get_agent_experience_spec(), cfg["segments"], cfg["horizon"], device)
    learner = LEARNERS[cfg["learner"]](policy, store, lr=cfg["lr"], gamma=cfg["gamma"])
    resume(learner, cfg["checkpoint"])
    keep_every(learner, cfg["folder"], cfg["every"])
    if cfg.get("inline"):
        InlineWorker(learner, vecenv).run(cfg["updates"])
        return
    worker = RolloutWorker(policy, vecenv, store)
    for _ in range(cfg["updates"]):
        worker.play()
        learner.learn(cfg["batch"])


if __name__ == "__main__":
    main(sys.argv[1])

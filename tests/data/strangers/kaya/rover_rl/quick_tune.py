"""Field script: a few gradient steps on a recorded log, at the edge of the crater."""

import torch

from rover_rl.policies.scout import ScoutPolicy


def quick_tune(env, log_segments, num_passes=3, rate=1e-4):
    """log_segments: list of [B, T] TensorDicts with everything that was recorded."""
    policy = ScoutPolicy(env, hidden_size=128, clip_range=0.5)
    optimizer = torch.optim.SGD(policy.parameters(), lr=rate)
    for _ in range(num_passes):
        for segment in log_segments:
            policy.reset_memory()
            out = policy(segment.select("env_obs", "dones", "truncateds"), action=segment["actions"])
            loss = -(out["act_log_prob"] * segment["advantages"]).mean()
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
    return policy

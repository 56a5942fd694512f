import torch


def make_advantages(gamma, lam):
    def advantages(td):
        result, ratio = torch.zeros_like(td["values"]), torch.ones_like(td["values"])
        torch.ops.pufferlib.compute_puff_advantage(  # expect: PF606
            td["values"], td["rewards"], td["dones"], ratio, result, gamma, lam, 1.0, 1.0
        )
        return result

    return advantages


def collect(policy, env, steps):
    policy.reset_memory()
    seen = []
    for _ in range(steps):
        td = env.recv()
        policy(td)
        env.send(td["actions"])
        seen.append(td.select("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values"))
    return torch.stack(seen, 1)

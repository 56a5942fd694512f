import torch
from tensordict import TensorDict

FLAGS = ("dones", "truncateds")
KEPT = ("env_obs", "actions", "act_log_prob", "values", "rewards") + FLAGS


def wrap(step, device):
    obs, rewards, dones, truncateds, first = step
    n = len(obs)
    return TensorDict({
        "env_obs": torch.as_tensor(obs, device=device),
        "rewards": torch.as_tensor(rewards, device=device).float(),
        "last_rewards": torch.as_tensor(rewards, device=device).float().clamp(-1, 1),
        "dones": torch.as_tensor(dones, device=device).float(),
        "truncateds": torch.as_tensor(truncateds, device=device).float(),
        "training_env_id_start": torch.full((n,), first, dtype=torch.int64, device=device),
    }, batch_size=[n])


def collect(policy, env, steps, device):
    """`steps` steps of the environments that answer, as [n, steps]."""
    policy.reset_memory()
    kept, carried = [], None
    with torch.no_grad():
        for _ in range(steps):
            td = wrap(env.recv(), device)
            if carried is not None:
                td["carried"] = carried
            policy(td)
            env.send(td["actions"].cpu().numpy())
            carried = td.get("carried_next", None)
            kept.append(td.select(*KEPT, "carried", strict=False))
    return torch.stack(kept[1:], 1)


def collect_on(policy, env, steps, device):
    """Goes on where the last call stopped, so that no episode is cut in two."""
    kept = []
    with torch.no_grad():
        for _ in range(steps):
            td = wrap(env.recv(), device)
            policy(td)
            env.send(td["actions"].cpu().numpy())
            kept.append(td.select(*KEPT))
    return torch.stack(kept, 1)


def score(policy, make_env, episodes, device):
    env = make_env(1)
    policy.reset_memory()
    returns = []
    total, carried = 0.0, None
    while len(returns) < episodes:
        td = wrap(env.recv(), device)
        if carried is not None:
            td["carried"] = carried
        with torch.no_grad():
            td = policy(td)
        carried = td.get("carried_next", None)
        env.send(td["actions"].cpu().numpy())
        total += td["rewards"].sum().item()
        if bool((td["dones"] + td["truncateds"]).any()):
            returns.append(total)
            total = 0.0
    policy.reset_memory()
    return sum(returns) / len(returns)

import torch
from factory import model_from_config
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


def make_replay(model, rows, time, device):
    scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
    spec = Composite(
        **dict(model.get_agent_experience_spec().items()),
        actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        rewards=scalar.clone(),
        values=scalar.clone(),
        act_log_prob=scalar.clone(),
    )
    return spec.expand(rows, time).zero().to(device)


def gae(replay, gamma, lam):
    ended = torch.clamp(replay["dones"] + replay["truncateds"], max=1.0)
    values, rewards = replay["values"], replay["rewards"]
    advantages = torch.zeros_like(values)
    for t in range(values.shape[1] - 2, -1, -1):
        alive = 1 - ended[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        advantages[:, t] = delta + gamma * lam * alive * advantages[:, t + 1]
    return advantages


def rollout(vecenv, model, replay, device):
    model.reset_memory()
    for t in range(replay.shape[1]):
        observations, rewards, dones, truncateds, _, env_ids, _ = vecenv.recv()
        td = TensorDict({"env_obs": torch.as_tensor(observations)}, [len(observations)]).to(device)
        td["rewards"] = torch.as_tensor(rewards, device=device).float()
        td["dones"] = torch.as_tensor(dones, device=device).float()
        td["truncateds"] = torch.as_tensor(truncateds, device=device).float()
        td["training_env_id_start"] = torch.full([len(observations)], env_ids.start, device=device)
        with torch.no_grad():
            td = model(td)
        replay[:, t] = td.select(*replay.keys())
        vecenv.send(td["actions"].cpu().numpy())


def fit(config, vecenv, epochs, time=64, accumulate=4, minibatches=16, device="cuda"):
    model = model_from_config(config, vecenv.driver_env).to(device)
    replay = make_replay(model, vecenv.num_agents, time, device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["optimizer"]["learning_rate"])
    for _ in range(epochs):
        rollout(vecenv, model, replay, device)
        advantages = gae(replay, gamma=0.977, lam=0.916)
        for i, rows in enumerate(torch.randperm(len(replay), device=device).chunk(minibatches)):
            batch = replay[rows]
            model.reset_memory()
            outputs = model(batch.select("env_obs", "dones", "truncateds"), action=batch["actions"])
            ratio = torch.exp(outputs["act_log_prob"] - batch["act_log_prob"])
            gain = advantages[rows]
            policy_loss = -torch.min(ratio * gain, ratio.clamp(0.9, 1.1) * gain).mean()
            value_loss = (outputs["value"].squeeze(-1) - gain - batch["values"]).square().mean()
            loss = (policy_loss + 0.5 * value_loss - 0.002 * outputs["entropy"].mean()) / accumulate

            optimizer.zero_grad()
            loss.backward()
            replay["importance"][rows] = ratio.detach()
            if (i + 1) % accumulate == 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
                optimizer.step()
    return model

import torch


def ppo_loss(out, cfg):
    return -(out["act_log_prob"].clamp(max=cfg.ppo.clip)).mean()  # the function below is called ppo, too


def ppo(policy, batches, cfg):
    optimizer = torch.optim.Adam(policy.parameters())
    for number, td in enumerate(batches):
        policy.reset_memory()
        loss = ppo_loss(policy(td, action=td["actions"]), cfg)
        optimizer.zero_grad()  # expect: PF603
        loss.backward()
        if (number + 1) % cfg.accumulate == 0:
            optimizer.step()
            policy.clip_weights()

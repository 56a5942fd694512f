def rollout(policy, env, scheduler, td):
    policy.reset_memory()
    for _ in range(128):
        td["env_obs"] = env.step(policy(td)["actions"])
    scheduler.step()

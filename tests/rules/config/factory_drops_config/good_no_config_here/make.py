from agents import Fast


def test_forward_runs(env):
    policy = Fast(env)
    assert policy(env.td())["values"] is not None


def width_of(env):
    return Fast(env=env, hidden_size=env.width).net.out_features

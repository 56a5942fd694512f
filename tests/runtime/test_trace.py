"""The trace of what a forward saw and kept."""

import torch


def test_a_trace_tells_shapes_resets_and_state_until_it_is_switched_off(policy, batch) -> None:
    agent, lines = policy(), []
    agent.trace(lines.append)
    agent(batch(3))
    agent(batch(3, dones=torch.tensor([True, False, True])))
    agent(batch(2, 4), action=torch.zeros(2, 4, 2, dtype=torch.int32))
    agent.trace(None)
    agent(batch(3))
    assert len(lines) == 3
    assert lines[0].startswith("rollout B=3 T=1: env_obs [3, 4, 3] uint8")
    assert "lstm_h [2, 3, 6] norm 0, lstm_c [2, 3, 6] norm 0; after: lstm_h [2, 3, 6] norm" in lines[0]
    assert "dones [3] bool" in lines[1]
    came = lines[0].partition("after: ")[2]  # and not what the two flags leave of it
    assert f"2 resets; state before: {came}; after: " in lines[1]
    assert lines[2].startswith("training B=2 T=4")
    assert "features [2, 4, 5] float32; 0 resets" in lines[2]

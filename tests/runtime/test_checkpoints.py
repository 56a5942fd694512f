"""State dicts from one format to another and back."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tensordict import TensorDict

from policyfix.runtime.checkpoints import convert, format_of, load_state, main, rename
from policyfix.runtime.components import ComponentPolicy, read_config
from policyfix.runtime.policies import Example, Fast, LatentAttnMed, LatentAttnSmall, LatentAttnTiny

MAXIMA = (0, 1, 3)
SIZES = {"input_size": 12, "hidden_size": 10}


def environment() -> SimpleNamespace:
    return SimpleNamespace(
        single_observation_space=SimpleNamespace(shape=(20, 3)),
        single_action_space=SimpleNamespace(nvec=[3, 4]),
        obs_width=11,
        obs_height=11,
        feature_normalizations=dict.fromkeys(range(4), 2.0),
        action_names=["a", "b", "c"],
        max_action_args=list(MAXIMA),
    )


def build(kind, seed: int = 0, **config):
    torch.manual_seed(seed)
    return kind(environment(), **(SIZES | config))


def outputs(policy) -> TensorDict:
    generator = torch.Generator().manual_seed(3)
    observations = torch.randint(0, 100, (3, 20, 3), generator=generator, dtype=torch.uint8)
    policy.reset_memory()
    torch.manual_seed(0)
    with torch.no_grad():
        return policy(TensorDict({"env_obs": observations}, [3]))


@pytest.mark.parametrize("kind", [Fast, LatentAttnTiny, LatentAttnSmall, LatentAttnMed])
def test_a_component_graph_and_back(kind) -> None:
    policy = build(kind)
    graph = convert(policy.state_dict(), "component")
    assert format_of(graph) == "component"
    assert all(name.startswith("policy.components.") for name in graph)
    # Row 0 of the graph's embeddings is never used: our first action is its second row.
    table = graph["policy.components._action_embeds_._net.weight"]
    assert torch.equal(table[1:8], policy.policy.heads.action_embeddings())
    assert graph["policy.components._action_embeds_.active_indices"].tolist() == list(range(1, 8))
    assert ("policy.components.obs_cross_attn._q_token" in graph) == (kind is LatentAttnTiny)
    back = convert(graph, "policyfix")
    own = {k: v for k, v in policy.state_dict().items() if not k.startswith("_initial") and "names" not in k}
    assert back.keys() == own.keys()
    assert all(torch.equal(back[name], own[name]) for name in own)
    other = build(kind, seed=1)
    load_state(other, {f"module.{name}": value for name, value in graph.items()})
    assert (outputs(other) == outputs(policy)).all()
    assert other.l2_init_loss() == 0


@pytest.mark.parametrize("kind", [Fast, LatentAttnTiny, LatentAttnSmall, LatentAttnMed, Example])
def test_a_hand_written_policy_and_back(kind) -> None:
    mode = "sound" if kind is Fast else "reference"
    policy, other = build(kind, mode=mode), build(kind, mode=mode, seed=1)
    agent = convert(policy.state_dict(), "pytorch")
    assert {".".join(name.split(".")[:2]) for name in agent} == {"policy.policy", "policy.lstm"}
    agent["policy.cell.weight_ih"] = agent["policy.lstm.weight_ih_l0"]
    load_state(other, agent)
    assert (outputs(other) == outputs(policy)).all()
    if kind is Fast:
        both = convert(convert(agent, "component"), "pytorch")
        assert all(torch.equal(both[name], agent[name]) for name in both)


def test_actions_find_their_embeddings_in_a_checkpoint_of_another_list() -> None:
    policy, env = build(Fast), environment()
    rows = dict(zip(("a_0", "b_0", "b_1", "c_0"), policy.policy.heads.action_embeddings()[:4], strict=True))
    env.action_names, env.max_action_args = ["b", "new", "a"], [1, 0, 0]
    other = Fast(env, **SIZES)
    load_state(other, policy.state_dict())
    found = dict(zip(("b_0", "b_1", "new_0", "a_0"), other.policy.heads.action_embeddings(), strict=True))
    for name in ("a_0", "b_0", "b_1"):
        assert torch.equal(found[name], rows[name])
    assert not torch.equal(found["new_0"], rows["b_1"])


def test_our_component_graph_takes_and_gives_all_of_them() -> None:
    graph = ComponentPolicy(environment(), **read_config("fast"))
    policy = Fast(environment())
    load_state(graph, policy.state_dict())
    torch.testing.assert_close(outputs(graph)["full_log_probs"], outputs(policy)["full_log_probs"])
    reference = convert(graph.state_dict(), "component")
    assert format_of(reference) == "component"
    other = ComponentPolicy(environment(), **read_config("fast"))
    load_state(other, reference)
    torch.testing.assert_close(outputs(other)["values"], outputs(graph)["values"])
    fresh = Fast(environment())
    load_state(fresh, graph.state_dict())
    torch.testing.assert_close(outputs(fresh)["values"], outputs(policy)["values"])


def test_what_has_no_counterpart_is_named() -> None:
    latent = convert(build(LatentAttnTiny, mode="reference").state_dict(), "pytorch")
    with pytest.raises(ValueError, match=r"actor_heads.*no counterpart in a component"):
        convert(latent, "component")
    with pytest.raises(ValueError, match="does not fit LatentAttnTiny"):
        load_state(build(LatentAttnTiny), latent)
    with pytest.raises(ValueError, match="does not fit Fast"):
        load_state(build(Fast, hidden_size=11), build(Fast).state_dict())
    with pytest.raises(ValueError, match="no name begins with lstm"):
        convert({"weight": torch.zeros(1)}, "policyfix")
    with pytest.raises(ValueError, match=r"'policy\.policy\.cnn9.weight' is no entry of a pytorch"):
        rename("policy.policy.cnn9.weight", "pytorch", "policyfix")
    with pytest.raises(ValueError, match="must be one of policyfix, pytorch, component, graph"):
        convert(build(Fast).state_dict(), "onnx")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_the_command_converts_files(suffix: str, tmp_path: Path, capsys) -> None:
    policy = build(Fast)
    save_file(convert(policy.state_dict(), "component"), tmp_path / "graph.safetensors")
    assert main([str(tmp_path / "graph.safetensors"), str(tmp_path / f"ours{suffix}")]) == 0
    assert "(component) -> " in capsys.readouterr().out
    read = load_file if suffix == ".safetensors" else torch.load
    other = build(Fast, seed=1)
    load_state(other, read(tmp_path / f"ours{suffix}"))
    assert (outputs(other) == outputs(policy)).all()
    torch.save({"state_dict": policy.state_dict()}, tmp_path / "whole.pt")
    assert main([str(tmp_path / "whole.pt"), str(tmp_path / "agent.pt"), "--to", "pytorch"]) == 0


def test_the_command_says_in_one_line_what_it_cannot_read(tmp_path: Path, capsys) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    torch.save([1], tmp_path / "list.pt")
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("text.pt", "list.pt", "missing.pt", "text.safetensors", "missing.safetensors"):
        assert main([str(tmp_path / name), str(tmp_path / "out.pt")]) == 2
        message = capsys.readouterr().err.strip()
        assert name in message
        assert "\n" not in message
    assert not (tmp_path / "out.pt").exists()

import pytest
import torch
from torch import Tensor, nn

from policyfix.runtime.modes import REFERENCE
from policyfix.runtime.nets import attention
from policyfix.runtime.nets.attention import (
    LatentCrossAttention,
    LatentSelfAttention,
    _FusedMemory,
    _HeadMemory,
)


def shaken(net: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter away from its initial value: an identity hides mistakes."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return net


def norm(x: Tensor, layer: nn.LayerNorm) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias


def attend(query: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """One row, head by head: `[Q, q]`, `[K, q]`, `[K, v]` -> `[Q, v]`."""
    out = []
    for q, k, v in zip(query.chunk(heads, -1), keys.chunk(heads, -1), values.chunk(heads, -1), strict=True):
        out.append(torch.softmax(q @ k.T / q.shape[-1] ** 0.5, dim=-1) @ v)
    return torch.cat(out, dim=-1)


@pytest.mark.parametrize("num_query_tokens", [1, 5])
@pytest.mark.parametrize("use_cls_token", [False, True])
def test_cross_attention_is_its_definition_over_the_tokens_that_are_not_masked(
    use_cls_token: bool, num_query_tokens: int
) -> None:
    net = shaken(
        LatentCrossAttention(
            7,
            6,
            embed_dim=8,
            qk_dim=12,
            num_heads=4,
            num_layers=3,
            num_query_tokens=num_query_tokens,
            use_cls_token=use_cls_token,
        )
    )
    assert net._reads_tokens == (num_query_tokens == 1)  # one case of each way
    tokens, mask = torch.randn(3, 9, 7), torch.rand(3, 9) < 0.4
    got = net(tokens, mask)
    for row in range(3):
        seen = norm(tokens[row, ~mask[row]], net.norm_kv)
        keys, values = seen @ net.k_proj.weight.T, seen @ net.v_proj.weight.T
        latents = net._q_token[0]
        for layer in net.layers:
            queries = norm(latents, layer.norm1) @ layer.q_proj.weight.T
            latents = latents + layer.attn_out_proj(attend(queries, keys, values, 4))
            latents = latents + layer.mlp(norm(latents, layer.norm2))
        expected = net.output_proj(norm(latents, net.final_norm))
        torch.testing.assert_close(got[row], expected[0] if use_cls_token else expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("use_cls_token", [False, True])
def test_self_attention_is_its_definition(use_cls_token: bool) -> None:
    net = shaken(LatentSelfAttention(8, 5, num_heads=2, num_layers=3, use_cls_token=use_cls_token))
    latents = torch.randn(3, 4, 8)
    got = net(latents)
    for row in range(3):
        x = torch.cat([net._cls_token[0], latents[row]]) if use_cls_token else latents[row]
        for layer in range(3):
            read = norm(x, net.layer_norms_1[layer])
            projected = [read @ getattr(net, f"{part}_projs")[layer].weight.T for part in "qkv"]
            x = x + net.out_projs[layer](attend(*projected, 2))
        expected = net._final_proj(norm(x, net._layer_norm_2)[0])
        torch.testing.assert_close(got[row], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("num_query_tokens", [1, 9])
def test_a_row_without_tokens_reads_nothing_and_has_no_nan_in_its_gradient(
    num_query_tokens: int, autocast: bool
) -> None:
    net = shaken(LatentCrossAttention(7, 6, embed_dim=8, num_heads=4, num_query_tokens=num_query_tokens))
    assert net._reads_tokens == (num_query_tokens == 1)
    tokens = torch.randn(2, 4, 7, requires_grad=True)
    mask = torch.tensor([[True] * 4, [False] * 4])
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        out = net(tokens, mask)
    out.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    assert out.isfinite().all()
    assert tokens.grad is not None
    assert (tokens.grad[0] == 0).all()
    assert (tokens.grad[1] != 0).any()


def test_in_the_reference_mode_a_row_without_tokens_reads_the_average() -> None:
    net = shaken(LatentCrossAttention(7, 6, embed_dim=8, num_heads=4, mode=REFERENCE))
    tokens = torch.randn(1, 1, 7).expand(1, 5, 7)
    mask = torch.ones(1, 5, dtype=torch.bool)
    torch.testing.assert_close(net(tokens, mask), net(tokens[:, :1]))

    def gradient(*inputs: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(net(*inputs).square().sum(), net.v_proj.weight)
        return gradient

    torch.testing.assert_close(gradient(tokens, mask), gradient(tokens[:, :1]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_heads_one_by_one_read_what_the_fused_kernel_reads(masked: bool) -> None:
    torch.manual_seed(0)
    keys, values, queries = torch.randn(3, 9, 12), torch.randn(3, 9, 8), torch.randn(3, 5, 12)
    mask = torch.rand(3, 9) < 0.4 if masked else None
    one_by_one, fused = (kind(keys, values, 4, mask) for kind in (_HeadMemory, _FusedMemory))
    torch.testing.assert_close(one_by_one.read(queries), fused.read(queries))


@pytest.mark.parametrize(
    "sizes",
    [{"num_heads": 3}, {"num_layers": 0}, {"qk_dim": 9}, {"num_query_tokens": 0}],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(sizes)).replace("num_heads", "heads")):
        LatentCrossAttention(7, 6, **({"embed_dim": 8, "num_heads": 4} | sizes))


def test_scores_in_parts_are_the_scores_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = LatentSelfAttention(8, 6, num_heads=2, num_layers=2)
    latents = torch.randn(7, 5, 8)
    expected = net(latents).detach()
    monkeypatch.setattr(attention, "_SCORES", 3 * 6 * 6)  # those of three heads
    with torch.no_grad():
        torch.testing.assert_close(net(latents), expected)

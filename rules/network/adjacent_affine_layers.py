from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.network import adjacent_affine
from policyfix.trace import Place
from policyfix.values import (
    MODULE_CONTAINERS,
    TORCH_LAYER,
    Const,
    Group,
    Term,
    Value,
    argument,
    keyword,
    options,
    walk,
)


class AdjacentAffineLayers(Rule[PolicyClass]):
    """Two affine layers follow each other with nothing nonlinear between.

    ## What it does
    Reports a linear or convolutional layer whose output goes to other such layers and to nothing else,
    however it is reshaped, flattened or thinned on the way. Factorisations that say so are left alone: a
    bottleneck without bias, grouped convolutions, convolutions along one axis at a time.

    ## Why it matters
    Two affine layers are one affine layer, with more weights and a worse conditioned gradient. A net that
    lost its activations still trains, to the level of a linear one.

    ## Example
    ```python
    x = self.cnn1(x)
    x = self.cnn2(x)
    ```

    ## Use instead
    ```python
    x = torch.relu(self.cnn1(x))
    x = torch.relu(self.cnn2(x))
    ```

    ## Fix safety
    Unsafe: an activation changes the function, so trained weights no longer fit.

    ## Source
    Metta-AI/metta at cef2d0434a, `fast.py`: an encoder without activations was exactly additive in its input.
    """

    code = "PF506"
    name = "adjacent-affine-layers"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        pairs = list(adjacent_affine(policy))
        names = _names(policy) if pairs else {}
        said: set[Value] = set()
        for pair in pairs:
            module = pair.first.args[0]
            layers = [_layer(f) for f in pair.followers]
            assert isinstance(module, Term)
            place = _place(pair.first, pair.followers, policy)
            if module in said or place is None or any(_is_factorised(module, other) for other in layers):
                continue
            said.add(module)
            first, second = (names.get(m, _kind(m)) for m in (module, layers[0]))
            yield self.finding(
                place,
                f"{first} is followed by {second} with nothing nonlinear between: they are one affine layer",
                policy,
            )


def _names(policy: PolicyClass) -> dict[Value, str]:
    """The attributes that modules are kept in, alone or in a container."""
    names: dict[Value, str] = {}
    for store in policy.construction:
        for kept in options(store.value):
            names.setdefault(kept, store.attribute)
            if isinstance(kept, Term) and kept.op in MODULE_CONTAINERS:
                for module in walk(kept, lambda term: term.op in MODULE_CONTAINERS or term.op == "each"):
                    names.setdefault(module, store.attribute)
    heap = policy.building.heap
    layers = {layer: name for kept, name in names.items() if (layer := heap.of(kept).get(TORCH_LAYER))}
    return names | layers


def _layer(output: Term) -> Term:
    module = output.args[0]
    assert isinstance(module, Term)
    return module


def _kind(module: Term) -> str:
    return module.op.rpartition(".")[2]


def _place(first: Term, followers: tuple[Term, ...], policy: PolicyClass) -> Place | None:
    """The call of the first layer; inside a `Sequential`, where the layer is made."""
    place = policy.made(first)
    if any(policy.made(follower) == place for follower in followers):
        return policy.made(_layer(first)) or place
    return place


def _is_factorised(first: Term, second: Term) -> bool:
    """Whether the two are one layer in two factors on purpose, or may be."""
    if first is second or any(_is_partial(layer) for layer in (first, second)):
        return True
    bias = keyword(first, "bias")
    if bias is None and _kind(first) == "Linear":
        bias = argument(first, 2, "bias")
    return bias not in (None, Const(True)) and not _is_full(first, second)


def _is_partial(layer: Term) -> bool:
    """A convolution in groups, or along one axis only."""
    if "Conv" not in layer.op:
        return False
    kernel = argument(layer, 2, "kernel_size")
    return argument(layer, 6, "groups") not in (None, Const(1)) or (
        isinstance(kernel, Group) and Const(1) in kernel.items and set(kernel.items) != {Const(1)}
    )


def _is_full(first: Term, second: Term) -> bool:
    """Whether the width between two layers is known to be no bottleneck."""
    widths = [
        argument(first, 0, "in_features"),
        argument(first, 1, "out_features"),
        argument(second, 1, "out_features"),
    ]
    sizes = [w.value for w in widths if isinstance(w, Const) and isinstance(w.value, int)]
    return len(sizes) == 3 and sizes[1] >= min(sizes[0], sizes[2])

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.tensors import (
    contents,
    created_without_device,
    depends_on_values,
    fetched,
    filled,
    is_moved,
    is_tensor,
)
from policyfix.trace import Called, InPlace, Store, Trace
from policyfix.values import VIEWS, Either, Group, Term, Thing, Value, options, parts, walk


class UnregisteredTensor(Rule[PolicyClass]):
    """A tensor that the forward needs is a plain attribute of the module.

    ## What it does
    Reports a tensor that a constructor of a contract policy or of its nets makes without a device and keeps
    as an attribute, not as a buffer or parameter, where forward computes with it and the observation without
    moving it. Classes that move it themselves, and attributes that are set again later, are left alone.

    ## Why it matters
    `policy.to(device)` leaves it behind, so the first forward on a GPU raises; `state_dict` and
    DistributedDataParallel do not know it, so a checkpoint forgets it and replicas may differ.

    ## Example
    ```python
    self.max_vec = torch.tensor([9.0, 1.0, 30.0])
    ```

    ## Use instead
    ```python
    self.register_buffer("max_vec", torch.tensor([9.0, 1.0, 30.0]), persistent=False)
    ```

    ## Fix safety
    Safe: the attribute keeps its name, and a buffer that is not persistent leaves checkpoints as they are.

    ## Source
    PyTorch documentation, `torch.nn.Module.register_buffer`.
    """

    code = "PF704"
    name = "unregistered-tensor"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.cls.unknown:
            return
        trace = policy.building
        made = {call.result for call in trace.of(Called) if created_without_device(call)}
        if not made:
            return
        again = {call.result for t in policy.traces for call in t.of(Called)}
        registered = {(store.thing, store.attribute) for store in trace.of(Store) if store.registered}
        for store in trace.of(Store):
            if (store.thing, store.attribute) in registered or not self._is_left_behind(store):
                continue
            kept = [
                v for v in _tensors(store.value, trace) if not made.isdisjoint(walk(v)) and v not in again
            ]
            if not kept or policy.sets_later(store.attribute):
                continue
            if any(_is_used(v, policy) and not is_moved(v, policy.terms) for v in kept):
                yield self.finding(
                    store.place,
                    f"self.{store.attribute} is a plain tensor: .to(device) and state_dict leave it behind",
                    policy,
                )

    @staticmethod
    def _is_left_behind(store: Store) -> bool:
        """Whether a plain attribute of the instance stays where it is when the module moves."""
        cls = store.thing.cls
        if store.thing.kind != "instance" or cls is None or not cls.is_module:
            return False
        return all(cls.find(method) is None for method in ("_apply", "to", "cuda"))


def _is_used(tensor: Value, policy: PolicyClass) -> bool:
    """Whether forward computes with the tensor and with one of the TensorDict's."""
    writes = [write for trace in policy.traces for write in trace.of(InPlace)]
    written = {root for root, _ in filled(writes)}

    def is_given(value: Value) -> bool:
        """Whether a tensor comes from the TensorDict or from the network, or was filled with what does: it
        lies where the policy does."""
        return is_tensor(value) and (depends_on_values(value) or not written.isdisjoint(contents(value)))

    return any(
        any(_is_of(tensor, a) for a in together)
        and any(is_given(a) and not _is_of(tensor, a) for a in together)
        for together in [term.args for term in policy.forward_terms]
        + [(write.target, write.value, *write.arguments) for write in writes]
    )


def _is_of(tensor: Value, value: Value) -> bool:
    """Whether a value is a tensor, laid out in any way, or a tuple with it."""
    while isinstance(value, Term) and value.op in VIEWS | {"index"} and value is not tensor:
        value = value.args[0]
    if isinstance(value, (Group, Either)):
        return any(_is_of(tensor, part) for part in parts(value))
    return value is tensor


def _tensors(value: Value, trace: Trace) -> Iterator[Value]:
    """A tensor, or those in a tuple, list or dict."""
    numbers = fetched(trace)
    for option in options(value):
        held: Iterable[Value] = option.items if isinstance(option, Group) else (option,)
        if isinstance(option, Thing) and option.kind != "instance":
            held = trace.heap.of(option).values()
        yield from (v for v in held if is_tensor(v, numbers))

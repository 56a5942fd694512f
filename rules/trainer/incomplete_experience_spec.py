from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.project import External, LinkedClass
from policyfix.rule import Finding, Rule
from policyfix.subjects import Factory, PolicyClass
from policyfix.subjects.factory import class_of
from policyfix.trace import KeyRead, KeyWrite
from policyfix.values import is_tensordict, key_of


class IncompleteExperienceSpec(Rule[PolicyClass | Factory]):
    """A policy reads an entry in training that its experience spec does not ask for.

    ## What it does
    Reports an entry that forward certainly reads in training, that forward does not write itself, and that
    the spec does not name: the policy's own, or that of the module around the factory that builds it. It is
    silent where a file that asks for the spec speaks of the entry too.

    ## Why it matters
    The trainer keeps what the spec names, and gives forward nothing else in training. Rollouts work, and so
    does every test that calls forward with the environment's TensorDict; the first minibatch raises.

    ## Example
    ```python
    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8))


    def forward(self, td, state=None, action=None):
        hidden = self.encode(td["env_obs"], td["last_actions"])
    ```

    ## Use instead
    ```python
    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
            last_actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        )


    def forward(self, td, state=None, action=None):
        hidden = self.encode(td["env_obs"], td["last_actions"])
    ```

    ## Fix safety
    None: shape and dtype of the entry are the environment's to say.

    ## Source
    Metta-AI/metta, `trainer.py`: the minibatch is cut down to the keys of `get_agent_experience_spec`.
    """

    code = "PF604"
    name = "incomplete-experience-spec"

    def check(self, subject: PolicyClass | Factory) -> Iterator[Finding]:
        method = subject.contract.spec_method
        if method is None:
            return
        if isinstance(subject, PolicyClass):
            asking: LinkedClass = subject.cls
            policies: tuple[PolicyClass, ...] = (subject,)
        else:
            around = class_of(subject)
            if around is None or around.find(method) is None:
                return
            asking, policies = around, tuple(p for p in subject.policies if p.defines(method) is False)
        named = _named(asking, method)
        if named is None:
            return
        for policy in policies:
            if policy.is_contract and policy.serves_training:
                yield from self._unnamed(policy, named, asking, subject)

    def _unnamed(
        self, policy: PolicyClass, named: frozenset[str], asking: LinkedClass, subject: PolicyClass | Factory
    ) -> Iterator[Finding]:
        method, training = policy.contract.spec_method or "", policy.training
        written = {write.key for write in training.of(KeyWrite)}
        if None in written or policy.hands_over_tensordict(training):
            return
        read = {event.key for event in training.of(KeyRead) if is_tensordict(event.tensordict)}
        for term in policy.forward_terms:
            key, place = key_of(term), policy.made(term)
            if key is None or place is None or key not in read:
                continue
            read.discard(key)
            if key in named | written or policy.module.project.others_mention(policy.path, method, key):
                continue
            without = policy.training_without(frozenset({key}))
            if without.complete and not without.returns:
                yield self.finding(
                    place,
                    f'training gives what {asking.name}.{method} names, and that is not "{key}": this read '
                    "raises",
                    subject,
                )


_SPECS = frozenset(
    External(f"{module}.{name}")
    for module in ("torchrl.data", "torchrl.data.tensor_specs")
    for name in ("Composite", "CompositeSpec")
)
_OPTIONS = frozenset({"shape", "device", "data_cls", "step_mdp_static", "batch_size"})


def _named(cls: LinkedClass, method: str) -> frozenset[str] | None:
    """The entries that a spec names; None where they are not all written there."""
    found = cls.find(method)
    if found is None or found[0].decorators or cls.unknown or cls.is_rebuilt:
        return None
    function, owner = found
    names: set[str] = set()
    returned = [node.value for node in function.nodes if isinstance(node, ir.Return)]
    for value in returned:
        if isinstance(value, ir.Name):
            uses = sum(node == value for node in function.nodes)
            made = [n.value for n in function.nodes if isinstance(n, ir.Assign) and value in n.targets]
            if uses != 2 or len(made) != 1:
                return None
            value = made[0]
        inner = _entries(value, owner)
        if inner is None:
            return None
        names |= inner
    return frozenset(names) if returned else None


def _entries(spec: ir.Expr, owner: LinkedClass) -> set[str] | None:
    """The keys of `Composite(key=...)` and `Composite({"key": ...})`."""
    if not isinstance(spec, ir.Call) or owner.module.resolve(spec.function) not in _SPECS:
        return None
    names: set[str] = set()
    for argument in spec.arguments:
        if argument.keyword is not None:
            names.add(argument.keyword)
        elif isinstance(argument.value, ir.Mapping) and not argument.star:
            for key in argument.value.keys:
                if not isinstance(key, ir.Literal) or not isinstance(key.value, str):
                    return None
                names.add(key.value)
        else:
            return None
    return names - _OPTIONS

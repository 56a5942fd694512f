from __future__ import annotations

from collections.abc import Iterator

from policyfix.project import LinkedClass
from policyfix.rule import Finding, Rule
from policyfix.subjects import Factory, PolicyClass, Trainer
from policyfix.subjects.experience_spec import is_set_elsewhere, laid_out, named
from policyfix.subjects.factory import class_of
from policyfix.trace import KeyRead, KeyWrite, Place
from policyfix.values import is_tensordict, key_of


class IncompleteExperienceSpec(Rule[PolicyClass | Factory | Trainer]):
    """The experience spec misses an entry that the policy reads in training, or that the trainer stores.

    ## What it does
    Reports an entry that forward certainly reads in training, that forward does not write itself, and that
    the spec does not name: the policy's own, or that of the module around the factory that builds it. It is
    silent where a file that asks for the spec speaks of the entry too.

    Reports an entry that a trainer writes into rows of its experience buffer, and that neither the spec that
    the buffer is made by names, nor any policy's of the project.

    ## Why it matters
    The trainer keeps what the spec names, and gives forward nothing else in training. Rollouts work, and so
    does every test that calls forward with the environment's TensorDict; the first minibatch raises. What is
    stored beside the spec is worse: `buffer[rows].update(...)` takes it, keeps nothing, and says nothing;
    `buffer["ratio"][rows] = ...` raises, after the first rollout.

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

    def check(self, subject: PolicyClass | Factory | Trainer) -> Iterator[Finding]:
        method = subject.contract.spec_method
        if method is None:
            return
        if isinstance(subject, Trainer):
            yield from self._unkept(subject)
            return
        if isinstance(subject, PolicyClass):
            asking: LinkedClass = subject.cls
            policies: tuple[PolicyClass, ...] = (subject,)
        else:
            around = class_of(subject)
            if around is None or around.find(method) is None:
                return
            asking, policies = around, tuple(p for p in subject.policies if p.defines(method) is False)
        spec = named(asking, method)
        if spec is None:
            return
        for policy in policies:
            if policy.is_contract and policy.serves_training:
                yield from self._unnamed(policy, spec, asking, subject)

    def _unnamed(
        self, policy: PolicyClass, spec: frozenset[str], asking: LinkedClass, subject: PolicyClass | Factory
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
            if key in spec | written or policy.module.project.texts.others_say(policy.path, (method, key)):
                continue
            without = policy.training_without(frozenset({key}))
            if without.complete and not without.returns:
                yield self.finding(
                    place,
                    f'training gives what {asking.name}.{method} names, and that is not "{key}": this read '
                    "raises",
                    subject,
                )

    def _unkept(self, trainer: Trainer) -> Iterator[Finding]:
        known: dict[Place | None, frozenset[str] | None] = {}
        for entry in trainer.stored:
            if entry.key is None or entry.key in entry.added:
                continue
            if entry.spec is None and trainer.contract.reward_key not in entry.added:
                continue  # others say what the trainer keeps
            if entry.spec not in known:
                known[entry.spec] = laid_out(entry.spec, trainer.module, trainer.contract)
            names = known[entry.spec]
            if names is None or entry.key in names:
                continue
            if not is_set_elsewhere(entry.key, entry.place, trainer.module):
                yield self.finding(
                    entry.place,
                    f'"{entry.key}" goes into rows of the experience, and no spec names it: it is not kept',
                    trainer,
                )

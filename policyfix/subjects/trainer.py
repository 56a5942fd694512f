"""A `Trainer` answers for code that takes part in training a policy: loops, hooks, update steps, buffers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.flow.calls import PURE_PACKAGES
from policyfix.project import LinkedClass, Module
from policyfix.record import record
from policyfix.subjects.experience_spec import KEEPING, asked_for
from policyfix.subjects.program import (
    Program,
    entry_of,
    is_made_up,
    is_optimizer_class,
    is_rows,
    is_td,
    is_tensor,
)
from policyfix.subjects.training_code import Code, codes, functions_of, speaks_of_stamps
from policyfix.trace import Branch, Carried, CopyWrite, InPlace, Invocation, KeyWrite, Place, Region, Trace
from policyfix.values import Const, Either, Ref, Term, Thing, Value, options, reach, storage, walk

# Wrappers that give the policy itself back, or something that passes every call on to it.
_PARALLEL = frozenset({"new:torch.nn.parallel.DistributedDataParallel", "new:torch.nn.DataParallel"})
_WRAPPERS = _PARALLEL | frozenset(
    "torch.compile torch.jit.script "
    "typing.cast to cuda cpu train eval requires_grad_ float half .module module call made".split()
)
# What is a policy in pieces: with these, its state can be reset as well.
_PIECES = frozenset(
    f"{module}{named}{kind}"
    for module in ("", "module.")
    for named in ("", "named_")
    for kind in ("modules", "children", "buffers")
)
# Methods of a TensorDict that give one with the same entries.
_KEEPING_ENTRIES = frozenset(
    f"{td}{name}"
    for td in ("", "td.")
    for name in "reshape view flatten contiguous detach clone to cpu cuda".split()
)
# Kernels that compute advantages: where among their arguments the flag stands that cuts the recursion.
_ADVANTAGE_KERNELS = {"torch.ops.pufferlib.compute_puff_advantage": 2}


@dataclass(eq=False)
class Trainer:
    """A function, class or script that takes part in training, run as it is written with all it calls."""

    who: ClassVar[str] = "functions, classes and scripts that take part in training a policy"

    code: Code
    contract: Contract

    @property
    def name(self) -> str:
        return self.code.name

    @property
    def module(self) -> Module:
        return self.code.module

    @property
    def path(self) -> str:
        return self.module.path

    @property
    def header(self) -> Place:
        if self.code.cls is not None:
            return Place(self.path, self.name, self.code.cls.facts.span)
        function, _ = self.code.functions[0]
        return Place(self.path, self.name, function.span)

    @property
    def inherits_from(self) -> tuple[tuple[str, str], ...]:
        cls = self.code.cls
        return () if cls is None else tuple((b.module.path, b.facts.qualname) for b in cls.linked[1:])

    @property
    def is_open(self) -> bool:
        """Whether a base that is not found may take part."""
        return self.code.cls is not None and any(
            not isinstance(base, LinkedClass) and not hasattr(base, "name") for base in _bases(self.code.cls)
        )

    @cached_property
    def _program(self) -> Program:
        program = Program(self.code, self.contract)
        program.run()
        return program

    @property
    def trace(self) -> Trace:
        """What it does."""
        return self._program.trace

    @cached_property
    def calls(self) -> tuple[Invocation, ...]:
        """Every call, in order; what a loop calls stands here once for each of its passes."""
        return tuple(self.trace.of(Invocation))

    # ------------------------------------------------------------------------- who is trained

    @cached_property
    def policies(self) -> frozenset[Value]:
        """Values that are asked what the contract says that a policy answers: its methods are called, it is
        given a TensorDict with the observation, or its outputs are read from what it returns."""
        asked = self.contract.method_names
        read = {
            term.args[0]
            for term in self._program.terms
            if entry_of(term) in self.contract.outputs - {self.contract.value_key}
        }
        found: set[Value] = set()
        for call in self.calls:
            if call.receiver is None or call.followed or call.receiver is self._program.instance:
                continue
            ran = call.name in ("__call__", "forward") and (
                not read.isdisjoint(options(call.result))
                or any(not self._observed.isdisjoint(options(a)) for a in call.arguments)
            )
            if call.name in asked or ran:
                found.update(roots(call.receiver))
        return frozenset(found - self._environments)

    @cached_property
    def _environments(self) -> frozenset[Value]:
        """Values that are given actions to play: a policy that is made for one is not it."""
        return frozenset(
            option
            for call in self.calls
            if call.name in ("send", "step") and call.receiver is not None and call.arguments
            for option in options(call.receiver)
            if not _is_optimizer(option)
        )

    @cached_property
    def _observed(self) -> frozenset[Value]:
        """TensorDicts that the code puts the observation into."""
        given = (td for td, _, _ in self._entries(self.contract.observation_key))
        return frozenset(option for value in given for option in options(value))

    @cached_property
    def is_contract(self) -> bool:
        """Whether there is evidence that the policy serves the contract: its methods are called, or the
        TensorDict that it is given holds what only the contract's trainer puts there."""
        contract = self.contract
        asked = contract.method_names
        return (
            any(c.name in asked and c.receiver is not self._program.instance for c in self.calls)
            or any(True for _ in self.written(contract.environment_key))
            or (bool(self._observed) and bool(self.policies))
            or (contract.observation_key in self.selected and not all(map(_is_of_a_class, self.policies)))
            or any(self._is_contract_policy(p) for p in self.policies)
        )

    def _is_contract_policy(self, value: Value) -> bool:
        if not isinstance(value, Thing) or value.cls is None:
            return False
        contract, forward = self.contract, value.cls.find("forward")
        if value.cls.inherits(contract.base):
            return True
        if forward is None or contract.observation_key not in ir.strings_in(forward[0]):
            return False
        written = {key for cls in value.cls.linked for key in ir.strings_in(cls.facts)}
        return value.cls.defines(contract.clip_method) is True or written.issuperset(contract.rollout_outputs)

    @cached_property
    def has_memory(self) -> bool:
        """Whether there is evidence that the policy keeps a state: its memory is asked for, it is told which
        environments the rows come from, or its class is known and can be asked to forget."""
        methods = self.contract.memory_methods
        return (
            any(c.name in methods for c in self.calls)
            or any(True for _ in self.written(self.contract.environment_key))
            or any(
                isinstance(p, Thing) and p.cls is not None and p.cls.defines(methods[-1]) is True
                for p in self.policies
            )
        )

    @cached_property
    def handovers(self) -> tuple[Invocation, ...]:
        """Calls that may do anything with the policy: it is handed to what is not known, or a method of its
        own is called that is not known."""
        return tuple(c for c in self.calls if self._hands_over(c))

    def _hands_over(self, call: Invocation) -> bool:
        if call.followed or call in self.forwards:
            return False
        receiver, name = _method(call)
        if name == "backward" and receiver not in self.policies:  # of a loss, whoever computed it
            return False
        if receiver is not None and self._leads_to_policy(receiver):
            if name in _KNOWN_METHODS | self.contract.method_names:
                return False
            if isinstance(receiver, Thing) and receiver.cls is not None:
                found = receiver.cls.find(name)
                return found is None or bool(self.contract.method_names & ir.names_in(found[0]))
            return True
        given = (*call.arguments, *(value for _, value in call.keywords))
        if not any(self._leads_to_policy(a) for a in given if not self._is_derived(a)):
            return False
        return _is_not_known(call)

    def _leads_to_policy(self, value: Value) -> bool:
        """Whether a value is a policy, or its modules or buffers; what is made of its outputs is not."""
        return not self.policies.isdisjoint(roots(value, in_pieces=True, ending=self._results))

    def _is_derived(self, value: Value) -> bool:
        """Whether a value comes from a policy and gives no way back to it: its parameters, its weights, its
        outputs."""
        return (isinstance(value, Term) and value.op in _SAYING) or self._results.issuperset(options(value))

    @cached_property
    def _results(self) -> frozenset[Value]:
        return frozenset(option for forward in self.forwards for option in options(forward.result))

    # --------------------------------------------------------------------------- what it does

    @cached_property
    def steps(self) -> tuple[Invocation, ...]:
        """Steps of optimizers."""
        return tuple(c for c in self.calls if self._is_step(c))

    def _is_step(self, call: Invocation) -> bool:
        if call.name != "step" or call.receiver is None or call.followed:
            return False
        if any(_is_optimizer(o) for a in call.arguments for o in options(a)):  # scaler.step(optimizer)
            return True
        if call.arguments and not all(isinstance(a, Const) for a in call.arguments):
            return any(set(options(a)) & self._zeroed for a in call.arguments)
        return _is_optimizer(call.receiver) or bool(set(options(call.receiver)) & self._zeroed)

    @cached_property
    def _zeroed(self) -> frozenset[Value]:
        """Values that are asked to zero gradients and to step: optimizers, and modules."""
        return frozenset(
            option
            for call in self.calls
            if call.name == "zero_grad" and call.receiver is not None
            for option in options(call.receiver)
        )

    @cached_property
    def backwards(self) -> tuple[Invocation, ...]:
        """Where gradients are computed."""
        names = ("backward", "manual_backward", "torch.autograd.backward")
        return tuple(c for c in self.calls if c.name in names)

    @cached_property
    def zeroings(self) -> tuple[Invocation, ...]:
        return tuple(c for c in self.calls if c.name == "zero_grad")

    @cached_property
    def gradient_clips(self) -> tuple[Invocation, ...]:
        names = ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm")
        return tuple(c for c in self.calls if c.name.rpartition(".")[2] in names)

    @cached_property
    def weight_clips(self) -> tuple[Invocation, ...]:
        return tuple(c for c in self.calls if c.name == self.contract.clip_method)

    @cached_property
    def resets(self) -> tuple[Invocation, ...]:
        """Where the policy's memory is emptied, or replaced."""
        asking = ("has_", "get_")
        names = {m for m in self.contract.memory_methods if not m.startswith(asking)} | {"reset_env_memory"}
        return tuple(c for c in self.calls if c.name in names)

    @cached_property
    def forwards(self) -> tuple[Invocation, ...]:
        """Calls of the policy with a TensorDict."""
        return tuple(c for c in self.calls if c.name in ("__call__", "forward") and self._runs_policy(c))

    def _runs_policy(self, call: Invocation) -> bool:
        if call.receiver is None or call.followed:
            return False
        if not set(roots(call.receiver)) & self.policies:
            return False
        return bool(call.arguments)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Keys of TensorDicts that the code reads or writes."""
        read = {entry_of(term) for term in self._program.terms}
        written = {e.key for e in self.trace.of(KeyWrite)}
        stored = {e.mask.value for e in self.trace.of(InPlace) if isinstance(e.mask, Const)}
        return frozenset(key for key in read | written | stored | self.selected if isinstance(key, str))

    @cached_property
    def selected(self) -> frozenset[object]:
        """Keys that the code picks out of TensorDicts: each of them must be there."""
        return frozenset(
            argument.value
            for call in self.calls
            if call.name == "select" and call.keyword("strict") in (None, Const(True))
            for argument in call.arguments
            if isinstance(argument, Const)
        )

    def written(self, key: str) -> Iterator[Value]:
        """What the code writes under a key."""
        return (value for _, value, _ in self._entries(key))

    def _entries(self, key: str) -> Iterator[tuple[Value, Value, int]]:
        """The TensorDicts into which the code writes under a key, what it writes there, and when."""
        for event in self.trace.of(KeyWrite):
            if event.key == key:
                yield event.tensordict, event.value, event.order
        for store in self.trace.of(InPlace):
            if store.mask == Const(key):
                yield store.target, store.value, store.order
        for call in self.calls:  # of what is not known to be a TensorDict: `td[key] = value` spelled out
            match call:
                case Invocation(
                    receiver=td, name="set", arguments=(Const(value=asked), value, *_), followed=False
                ) if td is not None and asked == key:
                    yield td, value, call.order

    def passes_state(self, call: Invocation) -> bool:
        """Whether a forward is given the recurrent state by its caller."""
        state = call.arguments[1] if len(call.arguments) > 1 else call.keyword("state")
        return state is not None and state != Const(None)

    def is_same_policy(self, call: Invocation, forward: Invocation) -> bool:
        """Whether a call is a forward of the policy that another one is a forward of."""
        return call in self._forward_set and _are_same(call.receiver, forward.receiver)

    def is_of_another_policy(self, call: Invocation, forward: Invocation) -> bool:
        """Whether a call is made of another policy, that is run here as well, than the one that a forward is
        of: a student, where the forward is its teacher's, which is known to keep a state of its own."""
        one, other = call.receiver, forward.receiver
        if one is None or other is None or not self._remembers(other):
            return False
        related = any(o in walk(b) for a, b in ((one, other), (other, one)) for o in options(a))
        return not related and any(_are_same(one, f.receiver) for f in self.forwards)

    def _remembers(self, policy: Value) -> bool:
        """Whether a policy is asked for its memory, or is of a class that can be asked to forget."""
        methods = self.contract.memory_methods
        return any(c.name in methods and _are_same(c.receiver, policy) for c in self.calls) or any(
            isinstance(p, Thing) and p.cls is not None and p.cls.defines(methods[-1]) is True
            for p in roots(policy)
        )

    @cached_property
    def _forward_set(self) -> frozenset[Invocation]:
        return frozenset(self.forwards)

    @property
    def clips_itself(self) -> bool:
        """Whether the code overwrites parameters in place, or has the optimizer do something after a step."""
        hooks = any("step" in c.name and c.name.endswith("_hook") for c in self.calls)
        of_gradients = {c.place for c in self.gradient_clips}
        return hooks or any(
            isinstance(part, Term)
            and part.op in ("parameters", "named_parameters", "param_groups", ".param_groups")
            for e in self.trace.of(InPlace)
            if e.place not in of_gradients and not isinstance(e.mask, Const)
            for part in storage(e.target)
        )

    def is_called_by_code_that_mentions(self, word: str) -> bool:
        """Whether some other file that may import this code speaks of it, and of a word."""
        name = self.name.rpartition(".")[2]
        return self.name != "<module>" and self.module.project.importers_mention(self.path, name, word)

    @cached_property
    def zeroes_gradients(self) -> bool:
        """Whether gradients are zeroed anywhere, or may be: by hand, or where the optimizer goes."""
        optimizers = {o for s in self.steps if s.receiver is not None for o in options(s.receiver)}
        return (
            bool(self.zeroings)
            or any("grad" in ir.names_in(f) for f in self._own_functions)
            or any(c.name in ("backward", "step") and c.keywords for c in self.calls)
            or any(
                optimizers & set(options(a))
                for c in self.calls
                if not c.followed and c.name != "step" and _is_not_known(c)
                for a in (*c.arguments, *(v for _, v in c.keywords))
            )
        )

    @property
    def _own_functions(self) -> Iterator[ir.FunctionFacts]:
        """Its functions, and those that they may call: of its class and its file."""
        yield from (function for function, _ in self.code.functions)
        yield from self.module.facts.functions
        for cls in () if self.code.cls is None else self.code.cls.linked:
            yield from cls.facts.functions

    @cached_property
    def updates(self) -> tuple[Update, ...]:
        """Loops with one backward and one step, of one optimizer; and functions with both, for loops."""
        found: dict[tuple[Region, ...], Update] = {}
        for step in self.steps:
            for depth in range(len(step.within), 0, -1):
                within = step.within[:depth]
                if within[-1].kind == "arm":
                    continue
                inside = [c for c in self.calls if c.within[:depth] == within]
                backwards = [c for c in inside if c in self.backwards]
                if not backwards:
                    continue
                steps = [c for c in inside if c in self.steps]
                is_one = len({c.place for c in backwards}) == len({c.place for c in steps}) == 1
                by_itself = not set(_receivers(backwards)).isdisjoint(_receivers(steps))  # an engine
                if (within[-1].number == 0 or within[-1].kind == "entry") and is_one and not by_itself:
                    found.setdefault(within, Update(self, within, backwards[0], steps[0], tuple(inside)))
                break
        return tuple(found.values())

    @property
    def skips(self) -> list[tuple[tuple[Region, ...], int]]:
        """Where a pass of a loop goes over to the next one."""
        return self._program.skips

    def tests_a_count(self, region: Region) -> bool:
        """Whether a branch is taken for every so many passes only: its test asks for a remainder."""
        asked = self._program.tests.get(region.site) if region.kind == "arm" else None
        return asked is not None and any(
            isinstance(part, Term) and part.op == "%" for part in walk(asked, _is_of_numbers)
        )

    @cached_property
    def stamps_training(self) -> bool:
        """Whether it stamps the TensorDict itself in which it has the policy evaluate given actions."""
        return any(
            all(
                any(td in given and at < call.order for td, at in self._stamped(key))
                for key in self.contract.stamps
            )
            for call in self.forwards
            if self.is_training(call)
            for given in [set(roots(call.arguments[0], _KEEPING_ENTRIES))]
        )

    def may_stamp(self, helpers: Set[str]) -> bool:
        """Whether its file speaks of the stamps, or of a function that does, where it can come to run it."""
        known = {f.name: f for f in functions_of(self.module)}
        todo, seen = [f for f, _ in self.code.functions], set[str]()
        while todo:
            function = todo.pop()
            names = ir.names_in(function)
            if speaks_of_stamps(function, self.contract) or names & helpers:
                return True
            todo += [known[name] for name in names & known.keys() - seen]
            seen |= names
        return False

    def _stamped(self, key: str) -> Iterator[tuple[Value, int]]:
        return ((option, order) for td, _, order in self._entries(key) for option in options(td))

    def joins(self, key: str, other: str) -> bool:
        """Whether what is written under one key is made of what is written under the other."""
        sources = set(self._brought(other))
        return any(part in sources for value in self.written(key) for part in walk(value))

    def brings(self, key: str) -> bool:
        """Whether the code writes something under a key that it did not make up itself."""
        return any(True for _ in self._brought(key))

    def _brought(self, key: str) -> Iterator[Value]:
        return (v for v in map(_core, self.written(key)) if not is_made_up(v))

    @cached_property
    def stored(self) -> tuple[Stored, ...]:
        """What is written into rows of an experience buffer, which can hold what its spec names and nothing
        else. Not where a test on the name decides about it."""
        return tuple(dict.fromkeys([*self._rows_updated(), *self._rows_overwritten()]))

    def _rows_updated(self) -> Iterator[Stored]:
        """Entries of the TensorDicts and dicts that rows take over: `buffer[rows].update(td)`."""
        for call in self.calls:
            if call.receiver is None or not call.arguments:
                continue
            spec, *others = {_spec_of_rows(o, call.name) for o in options(call.receiver)}
            given = set(options(call.arguments[0]))
            added = None if spec is None or others else self._added_to(spec)
            if spec is None or added is None or any(self._drops_entries(c, given) for c in self.calls):
                continue
            tests = [self._program.tests[r.site] for r in call.within if r.kind == "arm"]
            asked = {part.value for test in tests for part in walk(test) if isinstance(part, Const)}
            for write in self.trace.of(KeyWrite):
                if write.tensordict not in given or write.order > call.order or write.key in asked:
                    continue
                if not any(Const(write.key) in walk(guard) for guard in write.guards):
                    yield Stored(write.key, write.place, _making(spec), added)
            names = sorted(_spelled_out(call) - asked)
            yield from (Stored(key, call.place, _making(spec), added) for key in names)

    def _rows_overwritten(self) -> Iterator[Stored]:
        """Entries of the buffer itself: `buffer["ratio"][rows] = ratio`."""
        adding = [c for c in self.calls if c.name in ("update", "set", "setdefault")]
        asked = {part for branch in self.trace.of(Branch) for part in walk(branch.test)}
        for write in self.trace.of(InPlace):
            match write.target:
                case Term(op="index" | "td.index", args=(buffer, Const(value=str(key)) as name)):
                    spec = _spec_behind(buffer)
                    added = None if spec is None else self._added_to(spec)
                    if spec is None or added is None or name in asked or buffer in _receivers(adding):
                        continue
                    yield Stored(key, write.place, _making(spec), added)
                case _:
                    pass

    def _added_to(self, spec: Term) -> frozenset[str] | None:
        """The entries that a spec, or a copy of it, is given after it was made; None where one of them is not
        known."""
        keys = [e.mask for e in self.trace.of(InPlace) if e.how == "subscript" and _bare(e.target) == spec]
        names: set[str] = set()
        for call in self.calls:
            if call.receiver is None or not call.arguments or _bare(call.receiver) != spec:
                continue
            if call.name == "set":
                keys.append(call.arguments[0])
            elif call.name == "update":
                asked = self._asked_of_policies(call.arguments[0])
                if asked is None:
                    return None
                names |= asked
        names |= {key.value for key in keys if isinstance(key, Const) and isinstance(key.value, str)}
        return frozenset(names) if all(isinstance(key, Const) for key in keys) else None

    def _asked_of_policies(self, spec: Value) -> frozenset[str] | None:
        """What policies of the project ask for, where a spec is what one of them asks for."""
        method = self.contract.spec_method
        match _bare(spec):
            case Term(op="made" | "call", args=(_, Const(value=str(name)), *_)) | Term(op=name) if (
                name == method
            ):
                return asked_for(name, self.module)
            case _:
                return None

    @staticmethod
    def _drops_entries(call: Invocation, tensordicts: set[Value]) -> bool:
        """Whether a call may take entries out of one of these TensorDicts."""
        return (
            call.name in ("pop", "del_", "select", "exclude", "rename_key_", "clear", "empty")
            and call.receiver is not None
            and not tensordicts.isdisjoint(options(call.receiver))
        )

    @cached_property
    def lost_writes(self) -> tuple[CopyWrite, ...]:
        """Writes into what an index tensor has copied out of a tensor or a TensorDict. No other container is
        indexed by rows, and gives something with a method that writes in place: `copy_`, `update_`."""
        return tuple(
            e
            for e in self.trace.of(CopyWrite)
            if (
                e.method is not None
                and e.method[-1] == "_"
                and (is_rows(e.index, by_hint=False) or self._is_of_a_minibatch(e.index))
            )
            or (
                is_rows(e.index)
                and all(is_td(o) or is_tensor(o) or self._is_of_a_minibatch(o) for o in options(e.owner))
            )
        )

    def _is_of_a_minibatch(self, value: Value) -> bool:
        """Whether a value is an entry of what a forward is given rows of: a tensor with a number for each."""
        return isinstance(value, Term) and entry_of(value) is not None and value.args[0] in self._minibatches

    @cached_property
    def _minibatches(self) -> frozenset[Value]:
        """The TensorDicts that forwards are given, or given a part or rows of."""
        given = (o for call in self.forwards for o in options(call.arguments[0]))
        parts = _KEEPING_ENTRIES | {"select", "td.select", "index", "td.index"}
        return frozenset(root for td in given for root in roots(td, parts))

    @cached_property
    def advantages(self) -> tuple[tuple[Value, Place], ...]:
        """Recursions over time from the end: what each gives in a step."""
        return tuple((e.value, e.place) for e in self.trace.of(Carried))

    @cached_property
    def advantage_kernels(self) -> tuple[tuple[Value, Place], ...]:
        """Calls of kernels that are such recursions: the flag that cuts each."""
        return tuple(
            (c.arguments[_ADVANTAGE_KERNELS[c.name]], c.place)
            for c in self.calls
            if c.name in _ADVANTAGE_KERNELS and len(c.arguments) > _ADVANTAGE_KERNELS[c.name]
        )

    def collectors(self, *keys: str) -> Iterator[Trainer]:
        """The code that brings all of some entries: this code, where it speaks of them, else who writes them
        or picks them out elsewhere in the project."""
        if self.keys.issuperset(keys):
            yield self
            return
        project = self.module.project
        for path in project.texts.files_with(*keys):
            module = project.module(path)
            for other in () if module is None else trainers(module, self.contract):
                if other is not self and all(other.brings(k) or k in other.selected for k in keys):
                    yield other

    def policy_in(self, path: str, symbol: str, forward: Invocation | None = None) -> str | None:
        """How a function spells the policy, or the one that a forward is of, where it calls it or one of its
        methods; None where that may be a wrapper that lacks them."""
        named = [
            call.spelling
            for call in self.calls
            if call.place.symbol == symbol
            and Path(call.place.path).absolute() == Path(path).absolute()
            and call.receiver is not None
            and call.spelling
            and self.policies.intersection(roots(call.receiver))
            and (forward is None or _are_same(call.receiver, forward.receiver))
            and not any(isinstance(r, Term) and r.op in _PARALLEL for r in roots(call.receiver))
            and call.name in {"__call__", "parameters", *self.contract.method_names}
        ]
        return named[-1] if named else None

    def rollout_depth(self, forward: Invocation) -> int:
        """How many loops around a forward take no step of an optimizer."""
        loops = {r.site for r in forward.within if r.kind == "pass"}
        return len(loops - {r.site for step in self.steps for r in step.within})

    def forward_at(self, path: str, line: int, column: int) -> Invocation | None:
        """The forward that starts at a place."""
        for call in self.forwards:
            span = call.place.span
            here = (Path(call.place.path).absolute(), span.line, span.column)
            if here == (Path(path).absolute(), line, column):
                return call
        return None

    def is_training(self, call: Invocation) -> bool:
        """Whether a forward evaluates given actions: it is part of an update."""
        action = call.keyword("action")
        if action is None and len(call.arguments) > 2:
            action = call.arguments[2]
        return action is not None and action != Const(None)


@record()
class Stored:
    """An entry that goes into rows of an experience buffer; the call that makes the buffer's spec, None where
    it is given, and what it names besides."""

    key: str | None
    place: Place
    spec: Place | None
    added: frozenset[str]


@record()
class Update:
    """One pass of a loop, or one call of a function, in which gradients are computed and a step is taken."""

    trainer: Trainer
    within: tuple[Region, ...]
    backward: Invocation
    step: Invocation
    calls: tuple[Invocation, ...]

    def _once(self, calls: tuple[Invocation, ...]) -> list[Invocation]:
        """The calls that stand in this pass, and on the way of its step, each place once: of an update
        that is made twice in a pass, those of the first."""
        here = {c.place: c for c in reversed(calls) if c in self.calls and not excludes(c, self.step)}
        return list(here.values())

    @property
    def zeroings(self) -> list[Invocation]:
        receivers = {*_receivers([self.step]), *(o for a in self.step.arguments for o in options(a))}
        return [
            c
            for c in self._once(self.trainer.zeroings)
            if set(_receivers([c])) & (receivers | self.trainer.policies)
        ]

    @property
    def gradient_clips(self) -> list[Invocation]:
        return self._once(self.trainer.gradient_clips)

    @property
    def weight_clips(self) -> list[Invocation]:
        return self._once(self.trainer.weight_clips)

    @property
    def from_backward_to_step(self) -> list[Invocation]:
        """What happens after backward and before the step, in the next pass where the step stands first."""
        start, end = self.backward.order, self.step.order
        if start < end or self.is_call:
            return [c for c in self.calls if start < c.order < end]
        return [c for c in self.calls if c.order > start or c.order < end]

    @property
    def is_call(self) -> bool:
        """Whether it is a call: what happens between two of them, others may know."""
        return self.within[-1].kind == "entry"

    @property
    def accumulates(self) -> bool:
        """Whether the step is taken for every so many passes only, and backward in every one."""
        return (
            self.backward.within == self.within
            and self.is_made_now_and_then(self.step)
            and not self.is_made_now_and_then(self.backward)
        )

    def is_made_now_and_then(self, call: Invocation) -> bool:
        """Whether a call of this pass is made in every so many passes only: under a test of a count, or after
        `if count % n: continue`."""
        depth = len(self.within)
        arms = list(call.within[depth:])
        for within, order in self.trainer.skips:
            if order < call.order and within[:depth] == self.within:
                arms += within[depth:] if all(region.kind == "arm" for region in within[depth:]) else ()
        return any(self.trainer.tests_a_count(region) for region in arms)


def _is_entry(value: Value) -> bool:
    """Whether a value is found under a name: `buffer["values"]`. Rows that take a copy are of a tensor."""
    return (
        isinstance(value, Term)
        and value.op in ("index", "td.index")
        and isinstance(value.args[1], Const)
        and isinstance(value.args[1].value, str)
    )


def _receivers(calls: Iterable[Invocation]) -> Iterator[Value]:
    for call in calls:
        if call.receiver is not None:
            yield from options(call.receiver)


def _spec_of_rows(written: Value, method: str) -> Term | None:
    """The spec, if a method writes entries into rows of a TensorDict made by one."""
    if method in ("update", "update_") and isinstance(written, Term) and written.op in ("index", "td.index"):
        written, index = written.args[:2]
        if isinstance(index, Const) and isinstance(index.value, str):
            return None
    elif method != "update_at_":
        return None
    return _spec_behind(written)


def _spec_behind(buffer: Value) -> Term | None:
    """The spec that a TensorDict was made by."""
    while isinstance(buffer, Term) and buffer.op in ("to", "cpu", "cuda"):
        buffer = buffer.args[0]
    if not isinstance(buffer, Term) or buffer.op != "zero":
        return None
    spec = _bare(buffer.args[0])
    return spec if isinstance(spec, Term) and spec.op in ("made", "spec", "parameter") else None


def _bare(spec: Value) -> Value:
    """What a spec is a copy of, of whatever shape."""
    while isinstance(spec, Term) and spec.op in KEEPING:
        spec = spec.args[0]
    return spec


def _making(spec: Term) -> Place | None:
    """Where a spec is made; None where the code is given it."""
    match spec:
        case Term(op="made", args=(Const(value=(str(path), ir.Span() as span)), *_)):
            return Place(path, "", span)
        case _:
            return None


def _spelled_out(call: Invocation) -> set[str]:
    """The entries of a dict that stands in a call, without those that its function compares with others."""
    nodes = () if call.place.function is None else call.place.function.nodes
    compared = {text for node in nodes if isinstance(node, ir.Comparison) for text in ir.strings_in(node)}
    return {
        key.value
        for node in nodes
        if isinstance(node, ir.Call) and node.span == call.place.span
        for argument in node.arguments
        if isinstance(argument.value, ir.Mapping)
        for key in argument.value.keys
        if isinstance(key, ir.Literal) and isinstance(key.value, str)
    } - compared


# What a policy says of itself: nothing of it leads back to the policy.
_SAYING = frozenset("parameters named_parameters state_dict get_agent_experience_spec l2_init_loss".split())
# Methods of a policy that touch neither its weights nor its memory.
_KNOWN_METHODS = frozenset(
    "parameters named_parameters modules named_modules children named_children buffers named_buffers "
    "train eval "
    "to cpu cuda half float requires_grad_ zero_grad state_dict load_state_dict get_agent_experience_spec "
    "l2_init_loss update_l2_init_weight_copy compute_weight_metrics initialize_to_environment "
    "activate_actions activate_observations __init__ share_memory flatten_parameters".split()
)


def _is_of_numbers(term: Term) -> bool:
    """Whether a term compares, joins or reckons with what it is made of."""
    return term.op in ("not", "and", "or", "+", "-") or term.op.startswith("compare")


def _is_not_known(call: Invocation) -> bool:
    """Whether a call may do anything with what it is given. Functions of the project that are not followed
    say nothing of the contract; those of torch and its like keep to themselves."""
    if call.receiver is None:
        package, dot, _ = call.name.partition(".")
        return bool(dot) and package not in PURE_PACKAGES
    return any(_is_unknown(o) for o in options(call.receiver))


def _is_unknown(value: Value) -> bool:
    """Whether a receiver may be of a class that does anything with the policy it is given."""
    while isinstance(value, Term) and value.op in ("attribute", "index") and isinstance(value.args[0], Term):
        value = value.args[0]
    if isinstance(value, Term):
        return value.op in ("call", "parameter", "attribute", "global", "index", "many", "forward")
    return not isinstance(value, (Const, Ref, Thing))


def excludes(one: Invocation, other: Invocation) -> bool:
    """Whether two calls stand in different arms of one branch: no run makes both."""
    arms = {(r.kind, r.site): r.number for r in one.within}
    return any(r.kind == "arm" and arms.get(("arm", r.site), r.number) != r.number for r in other.within)


def _bases(cls: LinkedClass) -> Iterator[object]:
    for linked in cls.linked:
        yield from linked.bases


def roots(
    value: Value,
    through: frozenset[str] = _WRAPPERS,
    in_pieces: bool = False,
    ending: Set[Value] = frozenset(),
) -> Iterator[Value]:
    """What a value is, or wraps: the policy behind `torch.compile(policy)` and `agent.module`; `in_pieces`
    also behind `agent.modules()`. What is behind one of `ending` is not looked at."""

    def wrapped(current: Value) -> Iterable[Value]:
        if isinstance(current, Either):
            return current.options
        if not isinstance(current, Term) or current in ending or _is_said(current):
            return ()
        leads = current.op in through or (in_pieces and _is_piece(current))
        return [a for a in current.args if not isinstance(a, Const)][:1] if leads else ()

    return (found for found in reach(value, wrapped) if not isinstance(found, Either))


def _are_same(policy: Value | None, other: Value | None) -> bool:
    """Whether two values are one policy, or wrap it: two that are made of the same config are not one."""
    if policy is None or other is None:
        return False
    wrapping = _WRAPPERS - {"made", "call"}
    return any(
        not set(roots(a, wrapping)).isdisjoint(roots(b)) for a, b in ((policy, other), (other, policy))
    )


def _is_piece(value: Value) -> bool:
    """Whether a value is all modules or buffers of a module, one of them, or the method that gives them."""
    while isinstance(value, Term) and value.op in ("index", "each", "call"):
        value = next((a for a in value.args if not isinstance(a, Const)), value.args[0])
    match value:
        case Term(op="attribute", args=(_, Const(value=str(name)))):
            return name in _PIECES
        case Term(op=name):
            return name in _PIECES
        case _:
            return False


def _method(call: Invocation) -> tuple[Value | None, str]:
    """Whose method is called, and its name: one that a class only inherits is an attribute that is called."""
    match call.receiver:
        case Term(op="attribute", args=(Thing() as owner, Const(value=str(name)))) if call.name == "__call__":
            return owner, name
        case _:
            return call.receiver, call.name


def _is_said(made: Term) -> bool:
    """Whether a call gave what a policy says of itself: `policy.get_agent_experience_spec()`."""
    match made:
        case Term(op="call" | "made", args=(_, Const(value=str(name)), *_)):
            return name in _SAYING
        case _:
            return False


def _core(value: Value) -> Value:
    """A value before its dtype and device were changed."""
    while isinstance(value, Term) and value.op in ("float", "to", "bool", "int", "long", "detach", "clone"):
        value = value.args[0]
    return value


def _is_of_a_class(value: Value) -> bool:
    """Whether it is known what a value is an instance of."""
    return isinstance(value, Thing) and value.cls is not None


def _is_optimizer(value: Value) -> bool:
    if isinstance(value, Either):
        return any(_is_optimizer(o) for o in value.options)
    return isinstance(value, Term) and (is_optimizer_class(value.op) or value.op == "optimizer")


def trainers(module: Module, contract: Contract) -> tuple[Trainer, ...]:
    """The code of a file that takes part in training: always the same ones, which find out once what they are
    asked."""
    found: tuple[Trainer, ...] | None = module.subjects.get(contract)
    if found is None:
        found = module.subjects[contract] = tuple(Trainer(code, contract) for code in codes(module, contract))
    return found


def is_stamped_in_training(cls: LinkedClass, contract: Contract) -> bool:
    """Whether the project has a trainer of such a policy that stamps what it trains on, itself or by a
    function made for that. Its file, or one that it gets to by two imports, names the class or a base."""
    project = cls.module.project
    stamping = {
        (path.stem, function.name)
        for path in project.stamping_files
        if (module := project.module(path)) is not None
        for function in module.facts.functions
        if speaks_of_stamps(function, contract)
    }
    importing = (path for words in sorted(stamping) for path in project.texts.files_with(*words))
    helpers = {name for _, name in stamping}
    names = frozenset(base.name for base in cls.linked if base.module.name is None)
    return any(
        trainer.stamps_training
        for path in dict.fromkeys([*project.stamping_files, *importing])
        if (module := project.module(path)) is not None
        and any(project.mentions(each, names) for each in _reached(module))
        for trainer in trainers(module, contract)
        if trainer.may_stamp(helpers)
    )


def _reached(module: Module) -> Iterator[Path]:
    """The file of a module, those that it imports, and those that these do: a trainer often gets its policy
    by way of a factory, which imports a package of policies."""
    yield Path(module.path)
    imported = list(dict.fromkeys(module.imported_files()))
    yield from imported
    for path in imported:
        further = module.project.module(path)
        yield from () if further is None else further.imported_files()

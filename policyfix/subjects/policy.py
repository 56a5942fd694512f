"""A `PolicyClass` answers for itself, its bases, its helpers and its nets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.flow.run import Run
from policyfix.project import External, Found, LinkedClass, Module, Project
from policyfix.record import record
from policyfix.remembered import remembered
from policyfix.shapes import ROWS, STEPS, Shape, Shapes, Size, Sizes
from policyfix.subjects.candidates import can_matter, entry, is_listed, spells_out
from policyfix.subjects.constructors import asks_for, reaches
from policyfix.subjects.execution import Configured, Execution, Kept, Ways
from policyfix.trace import CoreCall, Escape, InPlace, KeyRead, KeyWrite, Place, Store, Trace
from policyfix.values import (
    NONE,
    TENSORDICT_ONLY,
    TENSORDICTS,
    Const,
    Group,
    Local,
    Term,
    Thing,
    Value,
    either,
    hands_on_states,
    is_fresh_state,
    is_new_tensordict,
    is_state_pair,
    is_tensordict,
    options,
    reach,
    runs_over_time,
    state_part,
    states_of,
    storage,
    walk,
)

# What the trainer calls forward with, in a rollout and in training.
GIVEN: tuple[dict[str, Shape], dict[str, Shape]] = (
    {"td": Shape((ROWS,))},
    {"td": Shape((ROWS, STEPS)), "action": Shape((ROWS, STEPS), open=True)},
)

_BATCH = ("batch_size", "batch_dims")  # what a TensorDict has, and no tensor
_ACTION = ("action", "actions")  # how forwards call the actions that training gives them


@dataclass(eq=False)
class PolicyClass:
    """A class that reaches `nn.Module` and has a forward, as a trainer would build and call it."""

    who: ClassVar[str] = "modules that name a recurrent core or the observation, or inherit from one"

    cls: LinkedClass
    contract: Contract
    _built: dict[object, Configured | None] = field(default_factory=dict, repr=False)

    # ------------------------------------------------------------------------------- the class

    @property
    def name(self) -> str:
        return self.cls.facts.qualname

    @property
    def module(self) -> Module:
        return self.cls.module

    @property
    def path(self) -> str:
        return self.module.path

    @property
    def inherits_from(self) -> tuple[tuple[str, str], ...]:
        return tuple((base.module.path, base.facts.qualname) for base in self.cls.linked[1:])

    @property
    def contract_bases(self) -> Iterator[PolicyClass]:
        """The policies under the contract that the class inherits from."""
        for base in self.cls.linked[1:]:
            if base.is_module and entry(base, self.contract) is not None:
                policy = policy_of(base, self.contract)
                if policy.is_contract:
                    yield policy

    @property
    def header(self) -> Place:
        """The class as written: where a finding about something missing stands."""
        return Place(self.module.path, self.name, self.cls.facts.span)

    def place(self, function: ir.FunctionFacts, owner: LinkedClass) -> Place:
        return Place(owner.module.path, function.qualname, function.span)

    @cached_property
    def forward(self) -> Found | None:
        return entry(self.cls, self.contract)

    @cached_property
    def called(self) -> tuple[ir.FunctionFacts, Module]:
        """The function that the trainer's arguments go to: the forward, or what a decorator of the project
        makes of it, where that names all that it takes."""
        assert self.forward is not None
        function, owner = self.forward
        match Run().wrapper(function, owner.module, owner) if function.decorators else None:
            case Local(function=made, module=module) if not {p.kind for p in made.parameters} & {"*", "**"}:
                return made, module
            case _:
                return function, owner.module

    @cached_property
    def constructor(self) -> Found | None:
        return self.cls.find("__init__")

    def defines(self, name: str) -> bool | None:
        """Whether instances answer to a name: yes, no, or unknown (None)."""
        known = self.cls.defines(name)
        if known is False and any(
            store.thing is self.instance and store.attribute == name for store in self.construction
        ):
            return True
        return None if known is False and self.is_open else known

    def takes(self, name: str) -> bool | None:
        """Whether a keyword given to the constructor reaches somebody who takes it."""
        if self.cls.unknown or self.cls.is_rebuilt:
            return None
        if self.constructor is None:
            return False
        answer = reaches(name, self.constructor, self.cls, frozenset())
        if answer is False and any(asks_for(name, c.facts.function("__init__")) for c in self.cls.linked):
            return False if self._makes_its_own(name) else None
        return None if answer is False and (self._comes_in_a_config(name) or self._reads_a_config) else answer

    def _makes_its_own(self, name: str) -> bool:
        """Whether an object of the constructor's own making answers a base that asks for a parameter of the
        contract, by a constant: `super().__init__(env, Settings(width=width))`."""
        assert self.constructor is not None
        function, _ = self.constructor
        known = all(isinstance(p.default, ir.Literal | None) for p in function.parameters)
        kept = [s.value for s in self.construction if s.thing is self.instance and s.attribute == name]
        asked = asks_for(name, function) or self.is_open or not self.building.complete
        return known and not asked and bool(kept) and all(isinstance(value, Const) for value in kept)

    @cached_property
    def _reads_a_config(self) -> bool:
        """Whether the constructor takes the config as an object: it reads one of the contract's parameters
        from it, so that the others are at hand as well."""
        assert self.constructor is not None
        function, _ = self.constructor
        given = {ir.Name(p.name) for p in function.parameters[1:]}
        return any(
            isinstance(node, ir.Attribute)
            and node.name in self.contract.parameter_names
            and ir.head(node) in given
            for node in function.nodes
        )

    def _comes_in_a_config(self, name: str) -> bool:
        """Whether a parameter of the constructor is annotated with a class that declares the name."""
        assert self.constructor is not None
        function, owner = self.constructor
        named = (n for p in function.parameters if p.annotation is not None for n in ir.nodes(p.annotation))
        classes = (owner.module.resolve(n) for n in named if isinstance(n, (ir.Name, ir.Attribute)))
        return any(isinstance(c, LinkedClass) and (c.defines(name) or name in c.fields) for c in classes)

    def base_takes(self, name: str, owner: LinkedClass) -> bool | None:
        """Whether the constructor that comes after a class's own takes a keyword, or hands it to who does."""
        base = self.cls.find("__init__", after=owner)
        return None if base is None else reaches(name, base, self.cls, frozenset())

    @cached_property
    def keeps_contract(self) -> bool:
        """Whether the forward is the runtime's own, which keeps the contract."""
        return (
            self.cls.inherits(self.contract.base)
            and self.forward is not None
            and self.forward[1].module.name is not None
        )

    @cached_property
    def is_contract(self) -> bool:
        """Whether there is evidence that the class serves the contract's trainer."""
        if not self.cls.is_module or self.forward is None:
            return False
        if self.cls.inherits(self.contract.base) or self.is_listed:
            return True
        if self.cls.is_abstract:
            return False
        reads = {e.key for trace in self.traces for e in trace.of(KeyRead) if is_tensordict(e.tensordict)}
        if not self.takes_tensordict:
            return False
        if self.contract.observation_key not in reads and not self.wants_observations:
            return False
        written = [e for trace in self.traces for e in trace.of(KeyWrite) if e.key in self.contract.outputs]
        # Zeros are what a stand-in for tests writes: it is nobody's policy.
        return any(not is_fresh_state(e.value) for e in written)

    @cached_property
    def wants_observations(self) -> bool:
        """Whether its experience spec names the observation: its nets read it, under a key of theirs. Silent
        about graphs of components, which are found by name, and about stand-ins for tests."""
        method, key = self.contract.spec_method, self.contract.observation_key
        found = self.cls.find(method) if method is not None else None
        if found is None or self.path.rpartition("/")[2].startswith("test_"):
            return False
        if any(term.op == "new:torch.nn.ModuleDict" for term in self._execution.run.terms):
            return False
        return any(
            (isinstance(node, ir.Argument) and node.keyword == key) or node == ir.Literal(key)
            for node in found[0].nodes
        )

    @cached_property
    def is_listed(self) -> bool:
        """Whether the settings say that the class, or one that it inherits from, serves the trainer."""
        return is_listed(self.cls, self.contract)

    @cached_property
    def takes_tensordict(self) -> bool:
        """Whether forward is given a TensorDict: by its annotation, else by what it asks of it."""
        function, module = self.called
        parameters = [p for p in function.parameters if p.kind in ("positional-only", "positional")]
        if len(parameters) < 2:
            return False
        annotation = parameters[1].annotation
        if annotation is not None:
            return _names_tensordict(annotation, module)
        if any(term.op in TENSORDICT_ONLY for term in self._execution.run.terms):
            return True
        return any(binding.module.partition(".")[0] == "tensordict" for binding in module.facts.imports)

    @property
    def is_known(self) -> bool:
        """Whether all that it does is seen, from its construction on."""
        return not self.is_open and all(trace.complete for trace in (self.building, *self.traces))

    def runs(self, path: str, symbol: str) -> bool:
        """Whether a function of the project, by its file and name, is run where it is built or called."""
        events = (e for trace in (self.building, *self.traces) for e in trace.events)
        return any(e.place.symbol == symbol and e.place.path == path for e in events)

    def defines_symbol(self, path: str, symbol: str) -> bool:
        """Whether the class, or a method of it, is what stands in a file under a name."""
        return path == self.path and f"{symbol}.".startswith(f"{self.name}.")

    # -------------------------------------------------------------------------- what it does

    @cached_property
    def _execution(self) -> Execution:
        """Run in both modes; once more where it keeps states, so that they come back in."""
        return self._execute(self._places) if any(self._places) else self._first

    @cached_property
    def _first(self) -> Execution:
        return self._execute()

    @cached_property
    def _places(self) -> tuple[Kept, Ways]:
        return self._first.places()

    def _execute(
        self,
        places: tuple[Kept, Ways] = ({}, ()),
        absent: frozenset[str] = frozenset(),
        modes: Collection[int] = (0, 1),
    ) -> Execution:
        """Built and run in some modes, in rollout (0) and in training (1), each as if the other were not.
        `places` are those where an earlier call left recurrent states, or what may be one."""
        run = Run(absent)
        thing = run.build(self.cls, self._constructor_arguments(run))
        construction = run.trace
        run.leave_open(thing, (table for table, _ in self.contract.tables))  # the trainer sets them
        traces = [Trace(), Trace()]
        if self.forward is not None:
            function, owner = self.forward
            run.open_flags(thing)
            run.recall(thing, places[0])
            run.obscure(thing, places[1])
            actions: tuple[Value, Value] = (NONE, run.term("action"))
            for mode in modes:
                run.shapes = Shapes(GIVEN[mode], self._entries)
                with run.aside():
                    arguments = self._forward_arguments(run, actions[mode])
                    traces[mode] = run.call(thing, function, owner, arguments)
        last = max((term.order for term in run.terms), default=0)
        return Execution(run, thing, construction, traces[0], traces[1], last)

    @property
    def _entries(self) -> dict[str, Sizes]:
        """The shape of a row of the observation, where the environment says that it is made of tokens."""
        has_tokens = "tokens" in dict(self.contract.environment)
        return {self.contract.observation_key: (None, Size((), 3))} if has_tokens else {}

    def _constructor_arguments(self, run: Run) -> dict[str, Value]:
        if self.constructor is None:
            return {}
        parameters = self.constructor[0].parameters[1:]
        arguments = _left_open(run, parameters)
        arguments.update({p.name: run.term("env") for p in parameters[:1] if p.default is None})
        return arguments

    @cached_property
    def _takes_tensor(self) -> bool:
        """Whether forward is given a plain tensor: by its annotation, else because it asks for no batch size,
        and no file of the class speaks of TensorDicts or of the observation."""
        if self.is_listed:
            return False
        function, module = self.called
        parameters = [p for p in function.parameters if p.kind in ("positional-only", "positional")]
        if len(parameters) > 1 and parameters[1].annotation is not None:
            return module.resolve(parameters[1].annotation) == External("torch.Tensor")
        if any(isinstance(n, ir.Attribute) and n.name in _BATCH for n in function.nodes):
            return False
        facts = {base.module.path: base.module.facts for base in self.cls.linked}.values()
        return not any(
            i.module.partition(".")[0] == "tensordict" for f in facts for i in f.imports
        ) and not any(spells_out(base, self.contract.observation_key) for base in self.cls.linked)

    def _forward_arguments(self, run: Run, action: Value) -> dict[str, Value]:
        function, _ = self.called
        names = [p.name for p in function.parameters if p.kind in ("positional-only", "positional")]
        arguments = _left_open(run, function.parameters[2:])
        if len(names) > 1:
            arguments[names[1]] = run.term("input" if self._takes_tensor else "td")
        for name in _ACTION:
            if name in function.accepts and names[1:2] != [name]:
                arguments[name] = action
        return arguments

    @property
    def instance(self) -> Thing:
        return self._execution.instance

    def changed_in_place(self, container: Thing) -> bool:
        """Whether forward puts something else into a container that was there before."""
        before = self._execution.run.held.of(container)
        return any(
            before.get(name) != value
            for trace in self.traces
            for name, value in trace.heap.of(container).items()
        )

    @cached_property
    def holders(self) -> dict[tuple[str, ...], Thing]:
        """The instance and those that it holds, by the attributes that lead to them."""
        return self._execution.run.instances(self.instance)

    @property
    def construction(self) -> tuple[Store, ...]:
        """What the constructor stores."""
        return tuple(self._execution.construction.of(Store))

    @property
    def building(self) -> Trace:
        """What the constructor does."""
        return self._execution.construction

    @property
    def _constructed(self) -> tuple[Thing, Trace]:
        """The instance and its construction; nothing is called for that, unless it was already."""
        known = self.__dict__.get("_execution")
        return self._only_built if known is None else (known.instance, known.construction)

    @cached_property
    def _only_built(self) -> tuple[Thing, Trace]:
        run = Run()
        return run.build(self.cls, self._constructor_arguments(run)), run.trace

    @cached_property
    def is_open(self) -> bool:
        """Whether code that is not followed may change what the class is, or join in when it is called: an
        unknown base, a `__call__` of its own, hooks, a constructor that hands the instance away."""
        called = self.cls.find("__call__")
        if self.cls.unknown or self.cls.is_rebuilt or (called is not None and not _calls_on(called[0])):
            return True
        instance, construction = self._constructed
        return any(escape.value is instance for escape in construction.of(Escape))

    @property
    def rollout(self) -> Trace:
        """What `forward(td)` does."""
        return self._execution.rollout

    @property
    def training(self) -> Trace:
        """What `forward(td, action=action)` does."""
        return self._execution.training

    @cached_property
    def modes(self) -> tuple[Mode, ...]:
        """What forward does in each mode that it serves, and what it must write there."""
        modes = [Mode("a rollout", self.rollout, self.contract.rollout_outputs)]
        if self.serves_training:
            modes.append(Mode("training", self.training, self.contract.training_outputs))
        return tuple(modes)

    @cached_property
    def serves_training(self) -> bool:
        """Whether forward takes the actions that training gives."""
        return self.actions_name is not None

    @property
    def actions_name(self) -> str | None:
        """What forward calls the actions that training gives."""
        if self.forward is None:
            return None
        given = self._forward_arguments(self._execution.run, NONE)
        return next((name for name in _ACTION if name in given), None)

    def rollout_without(self, keys: frozenset[str]) -> Trace:
        """What `forward(td)` does where the TensorDict lacks some keys."""
        return self._execute(self._places, keys, [0]).rollout

    def training_without(self, keys: frozenset[str]) -> Trace:
        """What `forward(td, action=action)` does where the TensorDict lacks some keys."""
        return self._execute(self._places, keys, [1]).training

    @property
    def traces(self) -> tuple[Trace, Trace]:
        return self.rollout, self.training

    def evaluate(self, method: str) -> Trace | None:
        """What a method of the class does with symbolic arguments; None where no source shows it."""
        found = self.cls.find(method)
        if found is None:
            return None
        with self._execution.run.aside():
            return self._execution.run.call(self.instance, *found, {})

    def configured(
        self, values: dict[str, Value], method: str | None = None, reset: Iterable[str] = ()
    ) -> Configured | None:
        """Another instance, built with these keywords as from a config, and what a method of it does. Numbers
        that other parameters default to are left open, and so are the attributes that somebody may `reset`
        before the call. None where that is not known."""
        asked = (tuple(values.items()), method, tuple(reset))
        if asked not in self._built:
            self._built[asked] = self._configured(*asked)
        return self._built[asked]

    def _configured(
        self, values: tuple[tuple[str, Value], ...], method: str | None, reset: tuple[str, ...]
    ) -> Configured | None:
        if self.constructor is None:
            return None
        run = Run()
        constructor, owner = self.constructor
        arguments: dict[str, Value] = {
            p.name: run.term("parameter", Const(p.name))
            for p in constructor.parameters
            if isinstance(default := owner.module.spelt_out(p.default), ir.Literal)
            and type(default.value) in (int, float)
        }
        instance = run.build(self.cls, {**self._constructor_arguments(run), **arguments, **dict(values)})
        construction, trace = run.trace, Trace()
        if method is not None:
            found = self.cls.find(method)
            if found is None:
                return None
            for name in reset:
                run.replace(instance, name, run.term("attribute", instance, Const(name)))
            trace = run.call(instance, *found, {})
        complete = construction.complete and trace.complete
        return Configured(instance, construction, trace, tuple(run.terms)) if complete else None

    @cached_property
    def resettable(self) -> frozenset[str]:
        """Attributes with a constant that a later method or another file may replace."""
        stores = self._constructed[1].of(Store)
        held = {store.attribute for store in stores if isinstance(store.value, Const)}
        held |= {name for cls in self.cls.linked for name, _ in cls.facts.attributes}
        return frozenset(filter(self.sets_later, held))

    def sets_later(self, attribute: str) -> bool:
        """Whether a method that the constructor does not run, or another file, gives an attribute a value."""
        built = {store.place.symbol for store in self._constructed[1].of(Store)}
        return any(
            function.qualname not in built and attribute in _assigned_in(function)
            for cls in self.cls.linked
            for function in cls.facts.functions
        ) or self.module.project.texts.assigns(attribute)

    def changes(self, trace: Trace) -> bool:
        """Whether a method that was evaluated left something else behind in what the instances hold."""
        before = self._execution.run.held
        return any(trace.heap.of(thing) != before.of(thing) for thing in before.things())

    def writes(self, key: str, mode: Trace | None = None) -> bool | None:
        """Whether forward ever writes a key into a TensorDict, in one mode or in either: yes (perhaps not
        always), no, or unknown."""
        traces = self.traces if mode is None else (mode,)
        written = {e.key for trace in traces for e in trace.of(KeyWrite)}
        if key in written:
            return True
        return False if all(self.shows_all_writes(trace) for trace in traces) else None

    def shows_all_writes(self, trace: Trace) -> bool:
        """Whether every write into a TensorDict is on record, by its key."""
        if self.is_open or not (trace.complete and trace.returns):
            return False
        if any(e.key is None and not _is_its_own(e.tensordict, trace) for e in trace.of(KeyWrite)):
            return False
        return not self.hands_over_tensordict(trace)

    def hands_over_tensordict(self, trace: Trace, before: int | None = None) -> bool:
        """Whether something that is not understood is given the TensorDict, and may read or write it. Of what
        goes under a key that is not known, only what is given `before` a moment counts."""
        return any(
            self._holds_tensordict(e.value)
            for e in trace.of(Escape)
            if before is None
            or e.order < before
            or not (isinstance(e.value, Term) and e.value.op == "td.index")
        )

    def _holds_tensordict(self, value: Value, depth: int = 0) -> bool:
        """Whether the TensorDict itself is handed over, alone or in a container."""
        if is_tensordict(value):
            return True
        if depth > 3:
            return False
        if isinstance(value, Thing):
            held = [v for trace in self.traces for v in trace.heap.of(value).values()]
            return value is not self.instance and any(self._holds_tensordict(v, depth + 1) for v in held)
        inner = value.items if isinstance(value, Group) else options(value)
        return any(v is not value and self._holds_tensordict(v, depth + 1) for v in inner)

    @cached_property
    def cores(self) -> tuple[CoreCall, ...]:
        """Calls of recurrent cores that run over time, in rollouts.

        A cell takes one time step. A cell that is fed its own result within one forward runs over something:
        over time only where its input is laid out so, or where the state is kept, else over the tokens.
        """
        calls = self.rollout.of(CoreCall)
        fed_back = {call.place for call in calls if states_of(call.state)}
        kept = {call.place for call in calls if self.keeps_state(call)}
        return tuple(
            call
            for call in calls
            if runs_over_time(call.input)
            or (call.kind.endswith("Cell") and (call.place not in fed_back or call.place in kept))
        )

    # ------------------------------------------------------------------------- recurrent state

    def keeps_state(self, call: CoreCall) -> bool:
        """Whether the new state of a core may outlive the forward: on the instance, in the TensorDict,
        with the caller, or with something that is not understood."""
        trace, outputs = self.rollout, self.contract.outputs
        # A cell's state is its output too: what is returned and the outputs hold it only where they carry it.
        carrying = [trace.returned, *(e.value for e in trace.of(KeyWrite) if e.key in outputs)]
        carried = [v for sink in carrying for v in self._contents(sink, hands_on_states)]
        if any(call.result in states_of(v) for v in carried):
            return True
        keeping = [e.value for e in trace.of(KeyWrite) if e.key not in outputs]
        keeping += [e.value for e in trace.of(Escape)]
        keeping += [e.value for e in trace.of(Store) if e.thing.kind == "instance"]
        return any(
            state_part(part) is call.result
            for sink in keeping
            for v in self._contents(sink)
            for part in walk(v)
            if isinstance(part, Term)
        )

    @property
    def terms(self) -> Iterable[Term]:
        """Every operation that came up, in either mode."""
        return self._execution.run.terms

    @cached_property
    def forward_terms(self) -> tuple[Term, ...]:
        """The operations that came up in forward, in either mode, after those of the constructor, and before
        those of methods that some rule asked about since."""
        start = next((term.order for term in self.terms if term.op in ("td", "input")), None)
        last = self._execution.last
        return () if start is None else tuple(t for t in self.terms if start < t.order <= last)

    def made(self, term: Term) -> Place | None:
        """Where an operation first came up."""
        return self._execution.run.place_of(term)

    def _contents(self, value: Value, enter: Callable[[Term], bool] = lambda _: True) -> Iterator[Value]:
        """The value, and what the containers in it hold; what `enter` refuses is not looked into."""

        def held(current: Value) -> Iterable[Value]:
            if isinstance(current, Thing):
                return () if current is self.instance else self.rollout.heap.of(current).values()
            return [part for part in walk(current, enter) if isinstance(part, Thing)]

        return reach(value, held)

    @cached_property
    def kept_states(self) -> tuple[Store, ...]:
        """Stores on the instance that carry a recurrent state, in either mode."""
        return tuple(s for s in self._execution.stores() if s.thing is self.instance)

    def holds_pair(self, store: Store) -> bool:
        """Whether a store keeps the whole state of an LSTM, a pair, rather than a tensor."""
        return any(isinstance(o, Group) or is_state_pair(o) for o in options(store.value))

    @cached_property
    def kept_within(self) -> tuple[tuple[str, Store], ...]:
        """Stores that carry a recurrent state, on the instance or one that it holds, with the way that leads
        there: `state`, `core.state`."""
        ways = {thing: way for way, thing in self.holders.items()}
        return tuple(
            (".".join((*ways[s.thing], s.attribute)), s) for s in self._execution.stores() if s.thing in ways
        )

    def stays_attached(self, store: Store) -> bool:
        """Whether what a store left on the instance still has its graph when forward is done."""
        for trace in self.traces:
            if store in trace.events:
                held = trace.heap.get(store.thing, store.attribute) or store.value
                if any(any(states_of(v).values()) for v in trace.heap.contents(held)):
                    return True
                detached = all(isinstance(o, Term) and o.op == "detach" for o in options(held))
                return not detached and any(_hands_graph(write, store) for write in trace.of(InPlace))
        return False


def _is_its_own(td: Value, trace: Trace) -> bool:
    """Whether a TensorDict was made meanwhile and is not among what is given back: a table of states."""
    given_back = (part for value in trace.heap.contents(trace.returned) for part in walk(value))
    return is_new_tensordict(td) and td not in given_back


def _hands_graph(write: InPlace, store: Store) -> bool:
    """Whether a write into a tensor is the store, and autograd follows it."""
    return (
        write.place == store.place
        and write.tracked
        and write.operation != "data"
        and any(states_of(store.value).values())
        and not any(isinstance(part, Term) and part.op == "detach" for part in storage(write.target))
    )


@record(eq=False)
class Mode:
    """One of the two ways in which the trainer calls forward."""

    name: str  # as sentences say it
    trace: Trace
    outputs: tuple[str, ...]  # what the contract wants written


def _left_open(run: Run, parameters: tuple[ir.Parameter, ...]) -> dict[str, Value]:
    """Arguments that a caller may give or leave out: None, or something that is not known."""
    return {
        p.name: either([NONE, run.term("parameter", Const(p.name))])
        for p in parameters
        if p.default == ir.Literal(None) and p.kind in ("positional", "keyword")
    }


def _calls_on(method: ir.FunctionFacts) -> bool:
    """Whether a `__call__` only calls its base's, and is there for its annotations."""
    match method.body:
        case (
            *told,
            ir.Return(value=ir.Call(function=ir.Attribute(value=ir.Call(function=base), name="__call__"))),
        ):
            texts = (isinstance(s, ir.Evaluate) and isinstance(s.value, ir.Literal) for s in told)
            return base == ir.Name("super") and all(texts)
        case _:
            return False


def _names_tensordict(annotation: ir.Expr, module: Module) -> bool:
    """Whether an annotation says TensorDict, `Optional[...]` and `X | None` included."""
    match annotation:
        case ir.Subscript(value=value, items=items):
            return any(_names_tensordict(i, module) for i in items) or _names_tensordict(value, module)
        case ir.Operation(operator="|", operands=operands):
            return any(_names_tensordict(o, module) for o in operands)
        case _:
            symbol = module.resolve(annotation)
            return isinstance(symbol, External) and symbol.name in TENSORDICTS


@remembered
def _assigned_in(function: ir.FunctionFacts) -> frozenset[str]:
    """The attributes that a function gives a value, or the parts of."""
    return frozenset(
        node.name
        for statement in function.nodes
        if isinstance(statement, (ir.Assign, ir.AugAssign))
        for target in (statement.targets if isinstance(statement, ir.Assign) else (statement.target,))
        for node in ir.nodes(target)
        if isinstance(node, ir.Attribute)
    )


def policy_of(cls: LinkedClass, contract: Contract) -> PolicyClass:
    """A class as a policy under a contract: always the same one, which finds out once what it is asked."""
    found = cls.subjects.get(contract)
    if found is None:
        found = cls.subjects[contract] = PolicyClass(cls, contract)
    return found


def policies(project: Project, module: Module, contract: Contract) -> Iterator[PolicyClass]:
    """The policy classes that a file defines."""
    for facts in ir.classes(module.facts):
        linked = project.link(facts, module)
        if linked.is_module and can_matter(linked, contract) and entry(linked, contract) is not None:
            yield policy_of(linked, contract)

"""A `Wrapper` is the module around a factory: it keeps what is built, and clips it or lets it clip itself."""

from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.project import Found, LinkedClass
from policyfix.record import record
from policyfix.subjects.factory import Factory, class_of
from policyfix.subjects.policy import PolicyClass, policy_of
from policyfix.subjects.weights import Clamp, clamps, clipping, follows_config, is_as_written, is_fixed
from policyfix.trace import Place


@record()
class Wrapper:
    """A module whose method `clip` bounds the weights of the policy in `self.attribute`."""

    policy: PolicyClass  # the module itself
    attribute: str
    clip: Found

    @property
    def place(self) -> Place:
        return self.policy.place(*self.clip)

    def clamps(self, delegates: bool) -> Iterator[Clamp]:
        """The clamps to a fixed range that certainly run: where the kept policy has a clip method of its own,
        or where it has none."""
        function, owner = self.clip
        run = tuple(self._run(function.body, delegates))
        built = clipping(self.policy, [self.attribute])
        for clamp in () if built is None else clamps(built.trace):
            if clamp is None or follows_config(clamp) or not all(map(is_fixed, clamp.bounds)):
                continue
            here = clamp.place.path == owner.module.path and clamp.place.function is function
            if here and self._reaches_all(run, clamp):
                yield clamp

    def delegates(self) -> bool:
        """Whether the clip method of a kept policy that has one is certainly called."""
        name = self.clip[0].name
        own = ir.Attribute(self._kept, name)
        return any(
            isinstance(node, ir.Call) and node.function == own
            for node in ir.nodes(tuple(self._run(self.clip[0].body, True)))
        )

    @property
    def _kept(self) -> ir.Expr:
        receiver = self.clip[0].parameters[0].name
        return ir.Attribute(ir.Name(receiver), self.attribute)

    def _reaches_all(self, run: tuple[ir.Stmt, ...], clamp: Clamp) -> bool:
        """Whether a clamp stands in a loop over all parameters of the kept policy."""
        loops = {ir.Attribute(self._kept, name) for name in ("parameters", "named_parameters")}
        return any(
            isinstance(inner, ir.Call) and inner.span == clamp.place.span
            for node in ir.nodes(run)
            if isinstance(node, ir.Loop)
            and isinstance(node.iterable, ir.Call)
            and node.iterable.function in loops
            for inner in ir.nodes(node.body)
        )

    def _run(self, body: tuple[ir.Stmt, ...], delegates: bool) -> Iterator[ir.Stmt]:
        """The statements that certainly run, one of the two kinds of policy being kept; a branch that is not
        decided ends them where it may end the method, else it is left out."""
        for statement in body:
            if isinstance(statement, ir.If):
                answer = self._truth(statement.test, delegates)
                if answer is None:
                    if _may_end((statement,)):
                        return
                    continue
                inner = statement.body if answer else statement.orelse
                yield from self._run(inner, delegates)
                if _may_end(inner):
                    return
            elif isinstance(statement, (ir.Loop, ir.With)):
                if not any(isinstance(node, (ir.If, ir.Try)) for node in ir.nodes(statement.body)):
                    yield statement
            elif isinstance(statement, (ir.Assign, ir.Evaluate)):
                yield statement
            else:
                return

    def _truth(self, test: ir.Expr, delegates: bool) -> bool | None:
        """What a test says of the kept policy: whether it is there, and whether it has a clip method."""
        match test:
            case ir.Call(function=ir.Name(id="hasattr"), arguments=(first, second)):
                asked = first.value == self._kept and second.value == ir.Literal(self.clip[0].name)
                return delegates if asked else None
            case ir.Comparison(left=left, operators=(operator,), rights=(ir.Literal(value=None),)):
                known = left == self._kept and operator in ("is", "is not")
                return operator == "is not" if known else None
            case ir.Operation(operator="not", operands=(inner,)):
                answer = self._truth(inner, delegates)
                return None if answer is None else not answer
            case ir.Operation(operator="and" | "or" as operator, operands=operands):
                answers = [self._truth(operand, delegates) for operand in operands]
                decisive = operator == "or"
                if decisive in answers:
                    return decisive
                return None if None in answers else not decisive
            case _:
                return None


def _may_end(body: tuple[ir.Stmt, ...]) -> bool:
    return any(isinstance(node, (ir.Return, ir.Raise, ir.Jump)) for node in ir.nodes(body))


def wrappers(factory: Factory) -> Iterator[Wrapper]:
    """The modules that keep what a factory builds and clip it: the class that it is a method of, and those of
    the same file that inherit from that one and clip in their own way; of a function, the classes of its file
    that call it."""
    own, module = class_of(factory), factory.module
    linked = [module.project.link(facts, module) for facts in ir.classes(module.facts)]
    for around in linked if own is None else [own]:
        attribute = _kept_in(around, factory, is_method=own is not None)
        if attribute is None:
            continue
        for cls in linked:
            if around not in cls.linked or not cls.is_module or cls.unknown or cls.is_rebuilt:
                continue
            clip, built = cls.find(factory.contract.clip_method), cls.find(factory.function.name)
            if clip is None or not is_as_written(clip) or not clip[0].parameters:
                continue
            is_its_own = cls == around or (clip[1] == cls and built == (factory.function, around))
            if is_its_own:
                yield Wrapper(policy_of(cls, factory.contract), attribute, clip)


def _is_call(expr: ir.Expr, function: ir.Expr) -> bool:
    return isinstance(expr, ir.Call) and expr.function == function


def _moved(expr: ir.Expr) -> ir.Expr:
    """A module before it was moved: `policy` of `policy.to(device)`."""
    while isinstance(expr, ir.Call) and isinstance(expr.function, ir.Attribute):
        if expr.function.name not in ("to", "cuda", "cpu", "train", "eval", "float", "half"):
            break
        expr = expr.function.value
    return expr


def _kept_in(cls: LinkedClass, factory: Factory, is_method: bool) -> str | None:
    """The one attribute that a class or a base gives what the factory returns, directly or through a name; or
    all that it builds, where it is a constructor, say."""
    built = {build.call for build in factory.builds}
    found: set[str] = set()
    kept: set[ir.Expr] = set()
    for function in (f for base in cls.linked for f in base.facts.functions):
        if not function.parameters:
            continue
        receiver = ir.Name(function.parameters[0].name)
        called = factory.function.name
        made = ir.Attribute(receiver, called) if is_method else ir.Name(called)
        assigned = [
            (target, _moved(node.value))
            for node in function.nodes
            if isinstance(node, ir.Assign)
            for target in node.targets
        ]
        names: dict[ir.Expr, ir.Expr] = {
            target: value
            for target, value in assigned
            if isinstance(target, ir.Name) and (_is_call(value, made) or value in built)
        }
        for target, value in assigned:
            value = names.get(value, value)
            match target:
                case ir.Attribute(value=of, name=name) if of == receiver and (
                    _is_call(value, made) or value in built
                ):
                    found.add(name)
                    kept.add(value)
    if len(found) != 1 or (kept & built and not built <= kept):
        return None
    return found.pop()

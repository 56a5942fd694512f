"""What is known of decorators of other packages."""

from __future__ import annotations

from policyfix.facts import ir
from policyfix.project import External, Module

NO_GRAD = frozenset(
    {"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad", "torch.autograd.inference_mode"}
)
# Decorators that make a context manager of a generator.
MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
# Decorators that leave what a function does as it stands.
PLAIN_DECORATORS = frozenset(
    {
        "torch._dynamo.disable",
        "torch.compiler.disable",
        "torch.compile",
        "torch.jit.script",
        "torch.jit.script_if_tracing",
        "torch.jit.ignore",
        "torch.jit.export",
        "torch.jit.unused",
        "typing.overload",
        "typing_extensions.overload",
        "typing.override",
        "typing_extensions.override",
        "typing.no_type_check",
        "abc.abstractmethod",
        "override",
        "staticmethod",
        "classmethod",
        "property",
        "functools.cached_property",
        "functools.wraps",
        "functools.cache",
        "functools.lru_cache",
        "beartype.beartype",
        "jaxtyping.jaxtyped",
        "typeguard.typechecked",
        "torch.profiler.record_function",
        "torch.autograd.profiler.record_function",
        "torch.enable_grad",
        "torch.autocast",
        "torch.amp.autocast",
        "torch.amp.autocast_mode.autocast",
        "torch.cuda.amp.autocast",
    }
    | NO_GRAD
    | MANAGERS
)


def decorator_name(expr: ir.Expr, module: Module) -> str | None:
    """The dotted name of a decorator of another package; `property` for the parts of one."""
    if isinstance(expr, ir.Call):
        expr = expr.function
    if isinstance(expr, ir.Attribute) and expr.name in ("setter", "getter"):
        return "property"
    symbol = module.resolve(expr)
    return symbol.name if isinstance(symbol, External) else None

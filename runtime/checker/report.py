"""A verification as one self-contained HTML page."""

from collections.abc import Callable
from importlib.resources import files

from .runner import Verification


class ReportError(Exception):
    """The page cannot be made; the message says what to install."""


def html_renderer() -> Callable[[Verification], str]:
    """A function from a verification to its page. Raises ReportError where jinja2 is missing."""
    try:
        from jinja2 import Environment
    except ModuleNotFoundError:
        raise ReportError("an HTML report needs jinja2: pip install 'policyfix[report]'") from None
    source = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
    return lambda verification: template.render(verification=verification)

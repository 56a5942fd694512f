"""An unknown configuration key does not vanish: an error, a warning or a log line names it."""

import logging
import warnings

from ..harness import Bench, BrokenClauseError, NotApplicableError

HINT = "warn about the keys of **kwargs that nothing reads, or refuse them"


def probe(bench: Bench) -> str:
    known = bench.contract.clip_range
    if known in bench.keywords.refused:
        raise NotApplicableError(f"the constructor does not even take {known} (see PV401)")
    typo = known[:-1]
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    listener = Listener(logging.WARNING)
    logging.getLogger().addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bench.policy(**{typo: 0.5})
    except Exception as error:
        if typo in str(error):
            return f"the misspelt key {typo!r} is refused: {type(error).__name__}: {error}"
        raise
    finally:
        logging.getLogger().removeHandler(listener)
    told = [str(warning.message) for warning in caught] + lines
    if not any(f"{typo!r}" in line or f" {typo} " in f" {line} " for line in told):
        raise BrokenClauseError(f"the misspelt key {typo!r} is taken without a word")
    return f"the misspelt key {typo!r} is named in a warning"

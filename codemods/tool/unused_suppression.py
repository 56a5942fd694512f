from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects.suppressed import SuppressedFile


class RemoveSuppression(Codemod[SuppressedFile]):
    """Takes what is out of date from a suppression, and the whole comment where nothing is left of it."""

    answers = ("PF900",)
    priority = 90  # where a codemod rewrites the statement, the comment goes with it

    def plan(self, finding: Finding, file: SuppressedFile, tree: SourceTree) -> Plan | Refusal:
        place = (finding.line, finding.column)
        suppression = next(s for s in file.suppressions if s.range[:2] == place)
        if file.lacks_reason(suppression):
            return Refusal("write the reason after --, or remove the comment")
        start = tree.offset(finding.line, finding.column - 1)
        end = tree.offset(finding.end_line, finding.end_column - 1)
        idle = file.idle(suppression)
        kept = [name for name in suppression.names if name not in idle]
        if kept:
            opening = tree.text.index("[", start) + 1
            closing = tree.text.index("]", opening)
            return self.fix(f"keep only {', '.join(kept)}", [Edit(opening, closing, ", ".join(kept))])
        return self.fix("remove the comment", [_removal(tree, start, end)])


def _removal(tree: SourceTree, start: int, end: int) -> Edit:
    """Without the white space before the comment, and without its line where nothing else stands in it."""
    text = tree.text
    begin = len(text[:start].rstrip(" \t\f"))
    if text[end : end + 1] not in ("", "\r", "\n"):  # another comment follows: its white space stays
        end += len(text[end:]) - len(text[end:].lstrip(" \t"))
        return Edit(start, end, "")
    if begin and text[begin - 1] not in "\r\n":
        return Edit(begin, end, "")
    return Edit(begin, end + (2 if text[end : end + 2] == "\r\n" else 1), "")

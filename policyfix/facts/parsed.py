"""A source text as a libcst tree, with the position of every node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A tree, and where its nodes start and end; lines count from 1, columns from 0."""

    module: cst.Module
    positions: Mapping[cst.CSTNode, CodeRange]


def parse(text: str) -> Parsed:
    """The tree of a text. Raises `libcst.ParserSyntaxError` where it is not Python."""
    return located(cst.parse_module(text))


def located(module: cst.Module) -> Parsed:
    """A tree with the positions of its nodes; finding them takes longer than parsing did."""
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    # Resolving metadata also walks the whole tree for providers that nobody asked for, which costs as much as
    # the positions themselves; the provider's own generator, where libcst has it, leaves that out.
    generate = getattr(PositionProvider(), "_gen", None)
    found = wrapper.resolve(PositionProvider) if generate is None else generate(wrapper)
    return Parsed(module, cast(Mapping[cst.CSTNode, CodeRange], found))

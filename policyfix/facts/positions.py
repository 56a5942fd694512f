"""Positions of the nodes of a libcst tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider


def positions(module: cst.Module) -> Mapping[cst.CSTNode, CodeRange]:
    """Start and end of every node; lines count from 1, columns from 0.

    Resolving metadata also walks the whole tree for providers that are not asked for, which costs as much as
    the positions themselves; the provider's own generator, where libcst has it, leaves that out.
    """
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    generate = getattr(PositionProvider(), "_gen", None)
    found = wrapper.resolve(PositionProvider) if generate is None else generate(wrapper)
    return cast(Mapping[cst.CSTNode, CodeRange], found)

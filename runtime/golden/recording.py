"""What was recorded of a policy, and how far from it another one may be."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..policy import RecurrentPolicy


class UnreadableError(Exception):
    """A folder that is not of this format, or that nothing here can replay."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far one tensor is from the recorded one, in units of the tolerance. NaN: not the same places
    finite."""

    file: str
    tensor: str
    units: float
    note: str = ""

    @classmethod
    def exact(cls, file: str, tensor: str, same: bool, note: str = "exact") -> Self:
        """Of what has no tolerance: none where it is the same, else infinite."""
        return cls(file, tensor, 0.0 if same else float("inf"), note)

    @property
    def is_over(self) -> bool:
        return not self.units <= 1.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy to replay on, and what its parameters and buffers are called in the recordings."""

    policy: RecurrentPolicy
    recorded_name: Callable[[str], str]

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take recorded weights. Raises UnreadableError for parameters that are missing, or of another
        shape."""
        ours = self.policy.state_dict()
        known = {self.recorded_name(name): name for name in ours}
        parameters = {name for name, _ in self.policy.named_parameters()}
        loaded = {known[name]: value for name, value in weights.items() if name in known}
        missing = sorted(parameters - loaded.keys())
        if missing:
            raise UnreadableError(f"weights.safetensors lacks {', '.join(missing)}")
        if unknown := sorted(weights.keys() - known.keys()):
            raise UnreadableError(
                f"weights.safetensors has {', '.join(unknown)}, which the policy does not have"
            )
        try:
            self.policy.load_state_dict(loaded, strict=False)
        except RuntimeError as error:
            raise UnreadableError(f"weights.safetensors: {error}") from error
        self.policy._initial_weights.update(self.policy)  # also where update_l2_init_weight_copy does nothing

    def parameters(self) -> dict[str, nn.Parameter]:
        """Recorded name -> parameter."""
        return {self.recorded_name(name): parameter for name, parameter in self.policy.named_parameters()}


Builder = Callable[[Mapping[str, Any]], Subject]


@dataclass(frozen=True, slots=True)
class Folder:
    """A recording, and a policy to replay it on."""

    path: Path
    meta: Mapping[str, Any]
    build: Builder

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The tensors of one of its files; empty where it is absent."""
        path = self.path / f"{name}.safetensors"
        return read_tensors(path) if path.exists() else {}

    def subject(self) -> Subject:
        """A new policy with the recorded weights."""
        torch.manual_seed(int(self.meta["seeds"]["init"]))
        subject = self.build(self.meta)
        subject.load(self.tensors("weights"))
        return subject

    def tolerance(self, kind: str) -> tuple[float, float]:
        """(relative, floor) of "outputs" or "gradients"."""
        text = self.meta["recommended_tolerance"][kind]
        found = re.search(r"<=\s*([\d.e+-]+)\s*\*\s*max\(.*,\s*([\d.e+-]+)\)", text)
        if found is None:
            raise UnreadableError(f"the tolerance of {kind} is not understood: {text!r}")
        return float(found[1]), float(found[2])

    def compare(self, file: str, tensor: str, ours: Tensor | None, recorded: Tensor) -> Deviation:
        """The deviation of one tensor; booleans and integers must be equal."""
        if ours is None:
            return Deviation(file, tensor, float("nan"), "not computed")
        if recorded.dtype in (torch.bool, torch.int32, torch.int64, torch.uint8):
            equal = ours.shape == recorded.shape and bool((ours == recorded).all())
            return Deviation.exact(file, tensor, equal)
        relative, floor = self.tolerance("gradients" if tensor.startswith("grad.") else "outputs")
        return Deviation(file, tensor, units(ours, recorded, relative, floor))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises UnreadableError."""
    try:
        from safetensors.torch import load_file  # an extra that only this needs
    except ModuleNotFoundError:
        raise UnreadableError("reading recordings needs safetensors: pip install safetensors") from None
    try:
        loaded: dict[str, Tensor] = load_file(path)
    except Exception as error:
        raise UnreadableError(f"{path.name} cannot be read: {error}") from error
    return loaded


def read_meta(folder: Path) -> dict[str, Any]:
    """`meta.json`. Raises UnreadableError."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"meta.json cannot be read: {error!r}") from error
    if not isinstance(meta, dict):
        raise UnreadableError("meta.json is no mapping")
    return meta


def units(ours: Tensor, recorded: Tensor, relative: float, floor: float) -> float:
    """max |ours - recorded| / (relative * max(max |recorded|, floor)), over finite entries.

    NaN when the shapes differ, or not the same entries are finite; the others must be equal.
    """
    ours, recorded = ours.detach().double(), recorded.double()
    if ours.shape != recorded.shape:
        return float("nan")
    finite = recorded.isfinite()
    if not torch.equal(finite, ours.isfinite()) or not torch.equal(ours[~finite], recorded[~finite]):
        return float("nan")
    ours, recorded = ours[finite], recorded[finite]
    if not recorded.numel():
        return 0.0
    worst = (ours - recorded).abs().max().item()
    return worst / (relative * max(recorded.abs().max().item(), floor))

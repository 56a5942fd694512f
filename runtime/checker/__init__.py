"""Proves at run time that a policy keeps the trainer's contract: probes, run in isolation.

Importable without torch. The parent side (`runner`, `target`, `contract`, `report`) never loads torch or the
user's code; the child (`python -m policyfix.runtime.checker`) does, and only the child.
"""

from .runner import ProbeResult, Verification, verify

__all__ = ["ProbeResult", "Verification", "verify"]

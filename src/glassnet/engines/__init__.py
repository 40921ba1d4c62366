"""Engines: who makes the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from glassnet import _check
from glassnet.engines.base import Engine, Evaluation, Observation, Session
from glassnet.engines.cpu import Cpu
from glassnet.engines.reference import Reference
from glassnet.engines.torch import Torch
from glassnet.engines.triton import Triton
from glassnet.simulate.state import EngineState

__all__ = [
    "Cpu",
    "Engine",
    "EngineChoice",
    "EngineState",
    "Evaluation",
    "Observation",
    "Reference",
    "Session",
    "Torch",
    "Triton",
    "resolve",
]

EngineChoice = Engine | Literal["cpu", "reference", "torch", "triton"]
"""An engine, or the name of one as it comes without arguments."""


def resolve(engine: EngineChoice) -> Engine:
    """The engine that a name stands for; an engine stands for itself.

    Raises:
        ValueError: an unknown name.
    """
    if not isinstance(engine, str):
        if not hasattr(engine, "session"):
            raise TypeError(f"engine must be 'cpu', 'reference', 'torch', 'triton' or an engine, but got {engine!r}")
        return engine
    _check.choice("engine", engine, ("cpu", "reference", "torch", "triton"))
    engines: dict[str, Callable[[], Engine]] = {"cpu": Cpu, "reference": Reference, "torch": Torch, "triton": Triton}
    return engines[engine]()

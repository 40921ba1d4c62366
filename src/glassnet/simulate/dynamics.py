"""Dynamics: stochastic gradient descent, gradient descent, overdamped Langevin dynamics, one step of each described.

These are descriptions; engines make the steps. One step is one unit of time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, SupportsFloat, SupportsIndex

from glassnet import _check

Sampling = Literal["permutation", "replacement"]


@dataclass(frozen=True, init=False)
class Sgd:
    """W <- W - mu grad L(batch), the batches drawn from the data.

    With ``sampling="permutation"`` every epoch of P_D // batch_size steps goes through a fresh permutation keyed by
    (seed, origin, epoch); rows left over at its end are dropped. With ``"replacement"`` each step draws its rows
    independently, keyed by (seed, origin, noise, step).

    Args:
        learning_rate: mu > 0, one number or one a replica.
        batch_size: rows a step, from 1 to P_D.
        sampling: how batches are drawn.
    """

    learning_rate: _check.PerReplica
    batch_size: int
    sampling: Sampling

    def __init__(
        self,
        learning_rate: SupportsFloat | Iterable[SupportsFloat],
        batch_size: SupportsIndex,
        sampling: Sampling = "permutation",
    ) -> None:
        rate = _check.per_replica("learning_rate", learning_rate, positive=True)
        object.__setattr__(self, "learning_rate", rate)
        object.__setattr__(self, "batch_size", _check.integer("batch_size", batch_size, low=1))
        _check.choice("sampling", sampling, ("permutation", "replacement"))
        object.__setattr__(self, "sampling", sampling)


@dataclass(frozen=True, init=False)
class GradientDescent:
    """W <- W - mu grad L(all data).

    Args:
        learning_rate: mu > 0, one number or one a replica.
    """

    learning_rate: _check.PerReplica

    def __init__(self, learning_rate: SupportsFloat | Iterable[SupportsFloat]) -> None:
        rate = _check.per_replica("learning_rate", learning_rate, positive=True)
        object.__setattr__(self, "learning_rate", rate)


@dataclass(frozen=True, init=False)
class Langevin:
    """W <- W - mu grad L + sqrt(2 mu T / P_D) xi with standard normal xi (Eq. 3); k_B = 1.

    P_D L plays the role of the energy (Appendix A). At T = 0 it is gradient descent.

    Args:
        temperature: T >= 0, one number or one a replica.
        learning_rate: mu > 0, one number or one a replica.
        batch_size: None for the gradient of all data, as in the paper; a number gives stochastic gradient
            Langevin dynamics in the machine-learning sense, batches permuted by (seed, origin, noise, epoch).
    """

    temperature: _check.PerReplica
    learning_rate: _check.PerReplica
    batch_size: int | None

    def __init__(
        self,
        temperature: SupportsFloat | Iterable[SupportsFloat],
        learning_rate: SupportsFloat | Iterable[SupportsFloat],
        batch_size: SupportsIndex | None = None,
    ) -> None:
        checked = _check.per_replica("temperature", temperature, positive=False)
        object.__setattr__(self, "temperature", checked)
        rate = _check.per_replica("learning_rate", learning_rate, positive=True)
        object.__setattr__(self, "learning_rate", rate)
        rows = None if batch_size is None else _check.integer("batch_size", batch_size, low=1)
        object.__setattr__(self, "batch_size", rows)


Dynamics = Sgd | GradientDescent | Langevin


def batch_size(dynamics: Dynamics) -> int | None:
    """Rows a step, None for all."""
    return None if isinstance(dynamics, GradientDescent) else dynamics.batch_size


def describe(dynamics: Dynamics) -> dict[str, Any]:
    """The dynamics as plain JSON values: its name under ``kind`` and its parameters."""
    return {"kind": type(dynamics).__name__, **asdict(dynamics)}


def from_description(description: dict[str, Any]) -> Dynamics:
    """The dynamics that :func:`describe` described."""
    parameters = dict(description)
    kinds: dict[str, type[Dynamics]] = {
        "Sgd": Sgd,
        "GradientDescent": GradientDescent,
        "Langevin": Langevin,
    }
    kind = parameters.pop("kind")
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}, but got {kind!r}")
    return kinds[kind](**parameters)

"""Losses: the paper's quadratic hinge (Eq. 1), cross-entropy and a user's own, each with the L2 term (Eq. 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from glassnet import _check

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, init=False)
class QuadraticHinge:
    """L = 1/P_D sum_i 1/2 max(0, 1 - y_i f_i)^2 + l2/2 |W|^2 (Eqs. 1 and 2).

    A row is *awake* while its margin y f is below 1; a sleeping row adds exactly nothing to loss and gradient.

    Args:
        l2: regularisation strength lambda >= 0, one number or one a replica of the ensemble.
    """

    l2: _check.PerReplica

    def __init__(self, l2: SupportsFloat | Iterable[SupportsFloat] = 0.0) -> None:
        object.__setattr__(self, "l2", _check.per_replica("l2", l2, positive=False))

    @staticmethod
    def value(output: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
        """1/2 max(0, 1 - y f)^2 of each row."""
        return 0.5 * np.where(labels * output >= 1.0, 0.0, 1.0 - labels * output) ** 2

    @staticmethod
    def slope(output: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
        """The derivative of :meth:`value` with respect to the output, -y max(0, 1 - y f), of each row."""
        return -labels * np.where(labels * output >= 1.0, 0.0, 1.0 - labels * output)


@dataclass(frozen=True, init=False)
class CrossEntropy:
    """L = -1/P_D sum_i log softmax(f_i)[c_i] + l2/2 |W|^2, of networks with one output a class.

    Its rows never sleep: all of them are awake. Needs a data set with ``n_classes`` and engine "torch".

    Args:
        l2: regularisation strength lambda >= 0, one number or one a replica of the ensemble.
    """

    l2: _check.PerReplica

    def __init__(self, l2: SupportsFloat | Iterable[SupportsFloat] = 0.0) -> None:
        object.__setattr__(self, "l2", _check.per_replica("l2", l2, positive=False))


@dataclass(frozen=True, init=False)
class TorchLoss:
    """Your own loss: the mean over rows of what a function in PyTorch says, + l2/2 |W|^2. Needs engine "torch".

    A row is awake while its loss is not 0.

    Args:
        of_rows: ``(outputs, labels)`` to losses ``(row,)``, for outputs ``(row, output)`` and the data set's labels
            ``(row,)``: +1 and -1 or numbers to regress on in the outputs' precision, or classes as int64.
            Differentiated by torch.func.
        l2: regularisation strength lambda >= 0, one number or one a replica of the ensemble.
        name: what records tell the loss apart by; by default the function's own.

    Raises:
        TypeError: no function.
        ValueError: a lambda or a function made inside another one, without a name.
    """

    of_rows: Callable[[Tensor, Tensor], Tensor]
    l2: _check.PerReplica
    name: str

    def __init__(
        self,
        of_rows: Callable[[Tensor, Tensor], Tensor],
        l2: SupportsFloat | Iterable[SupportsFloat] = 0.0,
        name: str | None = None,
    ) -> None:
        if not callable(of_rows):
            raise TypeError(f"of_rows must be a function of outputs and labels, but got {of_rows!r}")
        found = name or getattr(of_rows, "__qualname__", "")
        if not found or "<" in found:
            raise ValueError(f"name must be given for a lambda or a function made in another one, but got {of_rows!r}")
        object.__setattr__(self, "of_rows", of_rows)
        object.__setattr__(self, "l2", _check.per_replica("l2", l2, positive=False))
        object.__setattr__(self, "name", found)


Loss = QuadraticHinge | CrossEntropy | TorchLoss


def describe(loss: Loss) -> str:
    """Value that tells a loss apart, its l2 aside."""
    return f"TorchLoss {loss.name}" if isinstance(loss, TorchLoss) else type(loss).__name__

"""The quadratic hinge loss, the only data loss of the paper (Eq. 1), with its L2 term (Eq. 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from glassnet import _check


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

"""A held-out split: which rows are trained on, the same for one seed on every machine."""

from __future__ import annotations

from typing import Final, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet.random import Purpose, permutation, words

_STREAM: Final = 4
"""Number of the split under ``Purpose.DATASET``; ``synthetic`` has 0 to 2, ``defined`` 3."""


def share(split: SupportsFloat, seed: SupportsIndex) -> tuple[float, int]:
    """Both, checked.

    Raises:
        ValueError: a split that is not between 0 and 1, or a seed out of range.
        TypeError: no numbers.
    """
    found = _check.number("split", split, positive=True)
    if found >= 1.0:
        raise ValueError(f"split must be the share of rows to train on, between 0 and 1, but got {split!r}")
    return found, _check.integer("seed", seed, low=0, high=_check.MAX_NAME)


def trained_on(strata: NDArray[np.intp], split: float, seed: int) -> NDArray[np.bool_]:
    """Which rows ``(row,)`` are trained on.

    Each stratum is split by itself: of its n rows round(split n) are drawn, but at least one, and where it has two
    rows or more at least one is left.

    Args:
        strata: whole numbers >= 0 ``(row,)``, the same for rows of one stratum.
        split: the share, between 0 and 1.
        seed: names the draw.
    """
    order = permutation(words(Purpose.DATASET, seed, 0, _STREAM, 0, len(strata)))
    chosen = np.zeros(len(strata), bool)
    for stratum in np.unique(strata):
        rows = order[strata[order] == stratum]
        n = len(rows)
        chosen[rows[: min(max(1, round(split * n)), max(1, n - 1))]] = True
    return chosen

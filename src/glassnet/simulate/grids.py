"""When to look: grids of save times in whole steps.

Each grid is the beginning of one fixed endless sequence, so that a longer run saves at every time a shorter one
does and can continue it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

from glassnet import _check

Times = NDArray[np.int64]

# Hundredths of a decade's beginning: 24 points close to evenly spaced in log t, with 1, 2, 3 and 5 among them.
_MANTISSAS = (
    *(100, 110, 120, 135, 150, 165, 180, 200, 220, 240, 270, 300),
    *(330, 365, 400, 450, 500, 550, 600, 650, 700, 770, 850, 925),
)
_SPARSE_MANTISSAS = (100, 150, 200, 300, 500, 700)


def log_times(t_max: SupportsIndex) -> Times:
    """Log-spaced times from 1 to at most ``t_max``: every whole step to 10, then 24 a decade.

    Examples:
        >>> import glassnet as gn
        >>> print(gn.log_times(30))
        [ 1  2  3  4  5  6  7  8  9 10 11 12 13 15 16 18 20 22 24 27 30]
    """
    return _take(_decades(_MANTISSAS), t_max)


def sparse_times(t_max: SupportsIndex) -> Times:
    """A subset of :func:`log_times`, 6 a decade: 1, 2, 3, 5, 7, 10, 15, 20, 30, ...

    At these times histograms are recorded, and the loss of a run under SGD.
    """
    return _take(_decades(_SPARSE_MANTISSAS), t_max)


def linear_times(t_max: SupportsIndex, every: SupportsIndex) -> Times:
    """``every``, 2 ``every``, ... to at most ``t_max``."""
    return _take(itertools.count(step := _check.integer("every", every, low=1), step), t_max)


def epoch_times(t_max: SupportsIndex, epoch: SupportsIndex) -> Times:
    """:func:`log_times`, and log-spaced numbers of whole and of half epochs of ``epoch`` steps.

    Batches drawn by permutation nearly cancel over a whole epoch: what moves shows at half epochs only.
    """
    last, length = _check.integer("t_max", t_max, low=1), _check.integer("epoch", epoch, low=1)
    whole = length * np.concatenate([[0], log_times(max(1, last // length))])
    times = np.concatenate([log_times(last), whole, whole + length // 2])
    return np.unique(times[(times > 0) & (times <= last)])


def paper_times(t_max: SupportsIndex) -> Times:
    """The paper's save times: every step to 100, every 10 to 1000, then every 100 (Appendix J)."""
    sequence = itertools.chain(range(1, 100), range(100, 1000, 10), itertools.count(1000, 100))
    return _take(sequence, t_max)


def _decades(mantissas: tuple[int, ...]) -> Iterator[int]:
    previous = 0
    for decade in itertools.count():
        for mantissa in mantissas:
            time = mantissa * 10**decade // 100
            if time > previous:
                yield time
                previous = time


def _take(sequence: Iterable[int], t_max: SupportsIndex) -> Times:
    last = _check.integer("t_max", t_max, low=1)
    times = list(itertools.takewhile(lambda time: time <= last, sequence))
    if not times:
        raise ValueError(f"every must be <= t_max = {last}: no save time would be left")
    return np.array(times, dtype=np.int64)

"""Checks of what users hand in: each names the field, what is demanded and what was found.

NumPy is imported where it is used: the command line checks its options without.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, SupportsFloat, SupportsIndex

from glassnet._memory import machine_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_STEP = 2**56 - 1
"""Largest step, epoch or time: what the counter of the random numbers holds."""

MAX_NAME: Final = 2**32 - 1
"""Largest seed, origin or noise: what the key and the counter of the random numbers hold."""

_SMALL_BYTES = 256 * 2**20
_LARGEST_RATIO = 10_000

PerReplica = float | tuple[float, ...]
"""One number for all replicas, or one a replica in the ensemble's order."""


def integer(name: str, value: SupportsIndex, *, low: int, high: int | None = None) -> int:
    """``value`` as an int between ``low`` and ``high``."""
    demand = f"an integer >= {low}" if high is None else f"an integer from {low} to {high}"
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be {demand}, but got {value!r}") from None
    if isinstance(value, bool) or number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {demand}, but got {value!r}")
    return number


def flag(name: str, value: Any) -> bool:
    """``value`` if it is a bool."""
    if isinstance(value, bool):
        return value
    import numpy as np

    if not isinstance(value, np.bool_):
        raise TypeError(f"{name} must be true or false, but got {value!r}")
    return bool(value)


def number(name: str, value: SupportsFloat, *, positive: bool) -> float:
    """``value`` as a finite float, above 0 where ``positive``, else not below it."""
    demand = "a finite number > 0" if positive else "a finite number >= 0"
    if isinstance(value, (str, bytes, bool)):
        raise TypeError(f"{name} must be {demand}, but got {value!r}")
    try:
        x = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {demand}, but got {value!r}") from None
    if not math.isfinite(x) or x < 0 or (positive and x == 0):
        raise ValueError(f"{name} must be {demand}, but got {value!r}")
    return x


def per_replica(name: str, value: SupportsFloat | Iterable[SupportsFloat], *, positive: bool) -> PerReplica:
    """``value`` as one float or a tuple of floats, each checked as :func:`number` does."""
    import numpy as np

    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and np.ndim(value) > 0:  # type: ignore[arg-type]
        values = tuple(value)
        if not values:
            raise ValueError(f"{name} must be a number or one number a replica, but got an empty sequence")
        return tuple(number(f"{name}[{i}]", x, positive=positive) for i, x in enumerate(values))
    return number(name, value, positive=positive)  # type: ignore[arg-type]


def spread(name: str, value: PerReplica, n_replicas: int) -> NDArray[np.float64]:
    """``value`` as an array with one number a replica."""
    import numpy as np

    if isinstance(value, tuple):
        if len(value) != n_replicas:
            raise ValueError(
                f"{name} must be one number, or one a replica of the ensemble of {n_replicas}, "
                f"but got {len(value)} numbers"
            )
        return np.array(value, dtype=np.float64)
    return np.full(n_replicas, value, dtype=np.float64)


def in_proportion(promised: int, file_bytes: int, *, ratio: int = _LARGEST_RATIO) -> None:
    """Refuse arrays that promise more than memory, or than so many times their file unless they are small anyway."""
    if promised > max(_SMALL_BYTES, ratio * file_bytes):
        raise ValueError(f"its arrays promise {promised} bytes, out of proportion to its size")
    if promised > (there := machine_memory()):
        raise ValueError(f"its arrays promise {promised} bytes, but this machine has {there} of memory")


def same_kind(name: str, value: Any, kind: type | tuple[type, ...]) -> None:
    """Refuse a value of another class."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(k.__name__ for k in kinds)
        raise TypeError(f"{name} must be a {wanted}, but got {type(value).__name__}")


def choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """``value`` if it is one of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, but got {value!r}")
    return value


def increasing_times(name: str, times: Any, *, low: int = 0) -> NDArray[np.int64]:
    """``times`` as a one-dimensional, strictly increasing int64 array of at least one entry >= ``low``."""
    import numpy as np

    try:
        array = np.atleast_1d(np.asarray(times))
    except ValueError:
        raise ValueError(f"{name} must be whole numbers of steps, but got {times!r}") from None  # of unequal lengths
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty sequence of integers, but got shape {array.shape}")
    if array.dtype.kind not in "iuf" or not np.array_equal(array, np.floor(array)):
        raise ValueError(f"{name} must be whole numbers of steps, but got {times!r}")
    if array.max() > MAX_STEP:
        raise ValueError(f"{name} must be at most {MAX_STEP}, but got {array.max()}")
    if array.min() < low:
        raise ValueError(f"{name} must be >= {low}, but got {array.min():g}")
    whole = array.astype(np.int64)
    falls = np.flatnonzero(np.diff(whole) <= 0)
    if falls.size:
        i = int(falls[0])
        raise ValueError(f"{name} must increase, but {name}[{i + 1}] = {whole[i + 1]} follows {whole[i]}")
    return whole

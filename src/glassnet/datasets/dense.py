"""Sparse matrices as arrays, where memory holds them."""

from __future__ import annotations

import math
from typing import Any

from scipy import sparse

from glassnet._memory import machine_memory


def dense(name: str, values: Any) -> Any:
    """``values`` as an array where they are one of SciPy's sparse ones, else as they are.

    Raises:
        ValueError: the array would not fit into memory beside what is made of it; ``name`` is what it is called.
    """
    if not bool(sparse.issparse(values)):  # without bool a type checker knows no shape
        return values
    n_bytes = math.prod(values.shape) * values.dtype.itemsize
    if 2 * n_bytes > (there := machine_memory()):
        numbers = " x ".join(map(str, values.shape))
        raise ValueError(
            f"{name} must fit into memory as an array, and what is made of it too, but {numbers} numbers "
            f"take {n_bytes / 1e9:.3g} GB of {there / 1e9:.3g} GB: reduce them first"
        )
    return values.toarray()

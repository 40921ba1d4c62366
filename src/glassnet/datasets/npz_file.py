"""Arrays of features and labels from NumPy's .npz, which may be damaged or meant to harm: nothing is unpickled.

What a header promises is held against what the file is before memory is taken for it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet._zip import Members
from glassnet.datasets.labels import listed
from glassnet.datasets.table import Table, table

NAMES: Final = (
    ("features", "labels", "test_features", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("X", "y", "X_test", "y_test"),
    ("x", "y", "x_test", "y_test"),
    ("data", "target", "test_data", "test_target"),
)
"""What arrays of features, labels and those of a test set are called; the first names that are all there are taken."""

LARGEST_RATIO: Final = 200
"""Of what an array takes over what its file does; sparser data can be saved without compression."""

_LONGEST_TEXT: Final = 1 << 16
_CHUNK: Final = 1 << 20
_SUFFIX: Final = ".npy"


def read_npz(path: Path, label: str | None) -> tuple[Table, Table | None]:
    """The rows to train on, and those of the test set if the file has one.

    Args:
        path: the file.
        label: name of the array of labels; None looks for a pair of ``NAMES``.

    Raises:
        ValueError: a damaged or foreign file, or one without such arrays; those that it has are named.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            members = Members(file)
        except ValueError as error:
            raise ValueError(f"{path} must be an .npz file of NumPy's, but reading it failed: {error}") from None
        there = [name.removesuffix(_SUFFIX) for name in members if name.endswith(_SUFFIX)]
        train, test = _pairs(path, there, label)
        return _table(path, members, train), None if test is None else _table(path, members, test)


def _table(path: Path, members: Members, names: tuple[str, str]) -> Table:
    features, labels = read_arrays(path, members, names)
    return table(features, labels, str(path))


def read_arrays(path: Path, members: Members, names: tuple[str, ...]) -> list[NDArray[Any]]:
    """These arrays of an .npz file.

    Raises:
        ValueError: one is damaged, holds Python objects, or promises more than the file can hold.
    """
    size = path.stat().st_size
    arrays = []
    for name in names:
        try:
            arrays.append(_array(members, name + _SUFFIX, size))
        except MemoryError:
            raise
        except Exception as error:
            raise ValueError(f"{path}: the array {name} cannot be read: {error}") from error
    return arrays


def _array(members: Members, member: str, file_size: int) -> NDArray[Any]:
    if member not in members:
        raise ValueError("it is not there")
    stream = members.open(member)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(stream))
    if read_header is None:
        raise ValueError("its format must be 1.0 or 2.0")
    shape, in_columns, dtype = read_header(stream)
    if dtype.kind not in "fiubUS" or dtype.itemsize == 0:
        hint = ": save text by .astype(str)" if dtype.kind in "OT" else ""
        raise ValueError(f"it must hold numbers or text, but holds {dtype}{hint}")
    if dtype.itemsize > _LONGEST_TEXT:
        raise ValueError(f"it must hold text of at most {_LONGEST_TEXT} bytes, but holds {dtype}")
    if any(length < 0 for length in shape):
        raise ValueError(f"its shape must not be negative, but is {shape}")
    promised = math.prod(shape) * dtype.itemsize
    _check.in_proportion(promised, file_size, ratio=LARGEST_RATIO)
    content = bytearray()
    while piece := stream.read(min(_CHUNK, promised + 1 - len(content))):
        content += piece
    if len(content) != promised:
        raise ValueError(f"its header promises {promised} bytes, but it holds {_held(content, promised)}")
    values = np.frombuffer(content, dtype).reshape(shape, order="F" if in_columns else "C")
    return values.astype(dtype.newbyteorder("="), copy=False)


def _held(content: bytearray, promised: int) -> str:
    return "more" if len(content) > promised else str(len(content))


def _pairs(path: Path, there: list[str], label: str | None) -> tuple[tuple[str, str], tuple[str, str] | None]:
    """Names of features and labels, to train on and to test on."""
    for features, labels, test_features, test_labels in NAMES:
        labels = labels if label is None else label
        if features in there and labels in there:
            test = [name for name in (test_features, test_labels) if label is None and name in there]
            if len(test) == 1:
                raise ValueError(
                    f"{path} must hold both {test_features} and {test_labels} or none of them, but holds {test[0]}"
                )
            return (features, labels), (test_features, test_labels) if test else None
    if label is None:
        known = " or ".join(f"{features} and {labels}" for features, labels, *_ in NAMES)
        raise ValueError(f"{path} must hold arrays {known}, but holds {listed(there) or 'none'}")
    if label not in there:
        raise ValueError(f"label must be an array of {path} ({listed(there) or 'it has none'}), but got {label!r}")
    others = [name for name in there if name != label]
    if len(others) != 1:
        raise ValueError(
            f"{path} must hold features beside {label}, called {', '.join(dict.fromkeys(n[0] for n in NAMES))} or "
            f"whatever if they are all else, but holds {listed(there)}"
        )
    return (others[0], label), None

"""Dataset: the inputs and labels that a network learns, as a value that never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet import _check
from glassnet.datasets.dense import dense

_MOST_CLASSES: Final = 1 << 24
"""Beyond, float32 has no place for every whole number."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """P_D samples of d features with labels +1 and -1, with several classes, or with numbers to regress on.

    The arrays given are copied, converted to float32 (numbers to regress on to float64) and made read-only.

    Args:
        features: real numbers, shape ``(n_samples, n_features)``, finite in float32: an array, or anything that NumPy
            makes one of, such as a torch tensor or a data frame.
        labels: +1 or -1, or with ``n_classes`` the whole numbers 0 to n_classes - 1, or with ``regression`` any finite
            numbers; shape ``(n_samples,)``.
            :func:`glassnet.read_dataset` makes +1 and -1 of any two sets of classes.
        name: what the data set is called.
        provenance: where the data came from and what was done to it, as text.
        n_classes: how many classes, at least 2; None for labels +1 and -1.
        classes: names of the classes 0 to n_classes - 1, if they have any.
        regression: labels are numbers, which only a loss of your own takes (:class:`glassnet.TorchLoss`).

    Raises:
        ValueError: an array of another shape or kind, a feature that is not finite, a label that is none of these.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.floating[Any]]
    name: str = "custom"
    provenance: Mapping[str, str] = field(default_factory=dict)
    n_classes: int | None = None
    classes: tuple[str, ...] = ()
    regression: bool = False

    def __init__(
        self,
        features: ArrayLike,
        labels: ArrayLike,
        name: str = "custom",
        provenance: Mapping[str, str] | None = None,
        n_classes: int | None = None,
        classes: Sequence[str] = (),
        regression: bool = False,
    ) -> None:
        checked = _checked_features(features)
        n_classes = None if n_classes is None else _check.integer("n_classes", n_classes, low=2, high=_MOST_CLASSES)
        if _check.flag("regression", regression) and n_classes is not None:
            raise ValueError(f"n_classes must not be given with regression, but got {n_classes}")
        if classes and len(classes) != n_classes:
            raise ValueError(f"classes must be the names of {n_classes} classes, but got {len(classes)}: {classes}")
        object.__setattr__(self, "features", checked)
        object.__setattr__(self, "labels", _checked_labels(labels, len(checked), n_classes, regression))
        object.__setattr__(self, "n_classes", n_classes)
        object.__setattr__(self, "classes", tuple(map(str, classes)))
        object.__setattr__(self, "regression", bool(regression))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "provenance", MappingProxyType(dict(provenance or {})))

    @property
    def n_samples(self) -> int:
        """P_D, the number of rows."""
        return len(self.features)

    @property
    def n_features(self) -> int:
        """d, the input dimension."""
        return int(self.features.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the shape, the number of classes and the arrays' bytes, not of names and provenance."""
        classes = "" if self.n_classes is None else f", {self.n_classes} classes"
        kind = ", regression" if self.regression else classes
        digest = hashlib.sha256(f"{self.n_samples} x {self.n_features} float32{kind}".encode())
        digest.update(self.features.astype("<f4", copy=False).tobytes())
        digest.update(self.labels.astype("<f8" if self.regression else "<f4", copy=False).tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        return f"Dataset(name={self.name!r}, n_samples={self.n_samples}, n_features={self.n_features})"

    def __reduce__(self) -> tuple[type[Dataset], tuple[Any, ...]]:
        # Pickled arrays come back writable; through the constructor they are read-only again.
        return Dataset, (
            self.features,
            self.labels,
            self.name,
            dict(self.provenance),
            self.n_classes,
            self.classes,
            self.regression,
        )


def _checked_features(features: ArrayLike) -> NDArray[np.float32]:
    given = real_array("features", features)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(
            f"features must have shape (n_samples, n_features), both at least 1, but got shape {given.shape}"
        )
    with np.errstate(over="ignore"):
        converted = np.array(given, dtype=np.float32, order="C")
    finite = np.isfinite(converted)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(
            f"features must be finite in float32, but features[{row}, {column}] is {given[row, column]}; "
            f"{np.count_nonzero(~finite)} of {finite.size} values are not. Drop or replace them"
        )
    converted.flags.writeable = False
    return converted


def _checked_labels(
    labels: ArrayLike, n_samples: int, n_classes: int | None, regression: bool
) -> NDArray[np.floating[Any]]:
    given = real_array("labels", labels)
    if given.shape != (n_samples,):
        raise ValueError(f"labels must have shape ({n_samples},), one a row of features, but got shape {given.shape}")
    if regression:
        wrong, wanted, help_ = ~np.isfinite(given), "finite numbers", "drop the row"
    elif n_classes is None:
        wrong = (given != 1) & (given != -1)
        wanted, help_ = "+1 or -1", "map two classes to them, 0 and 1 by 2 * labels - 1, or give n_classes"
    else:
        wrong = ~np.isin(given, np.arange(n_classes))
        wanted, help_ = f"whole numbers from 0 to {n_classes - 1}", f"n_classes is {n_classes}"
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"labels must be {wanted}, but labels[{row}] is {given[row]}; {help_}")
    converted: NDArray[np.floating[Any]] = given.astype(np.float64 if regression else np.float32)
    converted.flags.writeable = False
    return converted


class RowError(ValueError):
    """An error that knows its row, counted from 0, so that a reader of a file can add the line."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


def real_array(name: str, values: ArrayLike) -> NDArray[Any]:
    """``values`` as an array, if they are real numbers and none is masked; ``name`` is what an error calls them."""
    refuse_masked(name, values)
    values = dense(name, values)
    try:
        array = np.asarray(values)
    # A tensor that is on a GPU, or that gradients are asked of, refuses to be an array.
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers, but got {error}") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be real numbers, but got dtype {array.dtype}")
    return array


def refuse_masked(name: str, values: Any) -> None:
    """Raise a ValueError that names the place of the first masked value: as an array it would be any number."""
    if (place := _masked_place(values)) is not None:
        where = " and column ".join(map(str, place[:2]))
        raise ValueError(f"{name} must be known, but the value in row {where} is masked: drop the row or fill it")


def _masked_place(values: Any) -> tuple[int, ...] | None:
    if isinstance(values, np.ma.MaskedArray) and values.dtype.names is None:
        masked = np.argwhere(np.ma.getmaskarray(values))
        return tuple(masked[0].tolist()) if len(masked) else None
    if isinstance(values, (list, tuple)):
        for i, value in enumerate(values):
            if isinstance(value, (list, tuple, np.ma.MaskedArray)) and (place := _masked_place(value)) is not None:
                return (i, *place)
    return None

"""The axes of what a statistic returns: names, lengths and labels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.simulate.axes import AT_TIMES, is_free

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
PREFIX: Final = "statistic_"
TEXT_LABEL: Final = "label_"
LABEL_BYTES: Final = 64

_MOST_AXES: Final = 4
_MOST_NUMBERS: Final = 2**20


@dataclass(frozen=True, eq=False)
class Axes:
    """Axes of an array beside those that every record has.

    Args:
        lengths: by name, in their order.
        labels: of those that have some: int64, float64 or text.
    """

    lengths: Mapping[str, int]
    labels: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, found: xr.DataArray) -> Axes:
        """The axes of an array that a function returned.

        Raises:
            ValueError: names or labels that cannot be kept.
        """
        if len(set(found.dims)) < found.ndim or not all(isinstance(dim, str) for dim in found.dims):
            raise ValueError(f"its axes must be texts, each once, but are {found.dims!r}")
        labels = {}
        for name, values in found.coords.items():
            if values.dims != (name,):
                raise ValueError(f"its labels must bear the name of their axis, but {name!r} has axes {values.dims!r}")
            labels[str(name)] = label_values(values.values)
        if not np.array_equal(labels.pop("layer", numbers := np.arange(found.sizes.get("layer", 0))), numbers):
            raise ValueError("labels of its axis 'layer' must be 0, 1, ..., as a record has them")
        return cls({str(dim): length for dim, length in found.sizes.items()}, labels)

    @classmethod
    def recorded(cls, data: xr.Dataset, name: str) -> Axes:
        """The axes of a statistic of a record."""
        sizes = data[PREFIX + name].sizes
        own = [str(dim) for dim in sizes if dim not in AT_TIMES]
        labelled = [dim for dim in own if dim in data.coords and dim != "layer"]
        return cls({dim: sizes[dim] for dim in own}, {dim: data[dim].values for dim in labelled})

    def difference(self, other: Axes) -> str | None:
        """How another's differ, in words; None where they do not."""
        if list(self.lengths.items()) != list(other.lengths.items()):
            return f"it has {other} and not {self}"
        return next(
            (f"the labels of its axis {dim!r} differ" for dim in self.lengths if not self.alike(other, dim)), None
        )

    def alike(self, other: Axes, dim: str) -> bool:
        """Whether an axis that both have has the same length and labels in both."""
        one, two = self.labels.get(dim), other.labels.get(dim)
        if one is None or two is None:
            return one is two and self.lengths[dim] == other.lengths[dim]
        return one.dtype.kind == two.dtype.kind and np.array_equal(one, two)

    def refuse_misfit(self, name: str, n_layers: int) -> None:
        """Refuse axes that a record cannot have.

        Raises:
            ValueError: naming the statistic and the axis.
        """
        for dim, length in self.lengths.items():
            if dim == "layer":
                if length != n_layers:
                    raise ValueError(
                        f"statistic {name!r} must have {n_layers} entries along 'layer', but has {length}: rename the "
                        "axis if it is another one"
                    )
            elif not NAME.fullmatch(dim) or not is_free(dim):
                raise ValueError(
                    f"statistic {name!r} must have axes with names of their own, up to 60 letters, digits and _, but "
                    f"has {dim!r:.80}: rename it"
                )
        lengths = tuple(self.lengths.values())
        if len(lengths) > _MOST_AXES or not 0 < math.prod(lengths) <= _MOST_NUMBERS:
            raise ValueError(
                f"statistic {name!r} must return 1 to {_MOST_NUMBERS} numbers on at most {_MOST_AXES} axes, but "
                f"returns an array of shape {lengths}"
            )

    def __str__(self) -> str:
        return ", ".join(f"{length} along {dim!r}" for dim, length in self.lengths.items()) or "one number"


def label_values(labels: Any) -> NDArray[Any]:
    """Labels of an axis as int64, finite float64 or text.

    Raises:
        ValueError: they are neither.
    """
    array = np.asarray(labels)
    if array.dtype.kind in "iu" and array.max(initial=0) <= np.iinfo(np.int64).max:
        return array.astype(np.int64)
    if array.dtype.kind == "f" and np.isfinite(array).all():
        return array.astype(np.float64)
    texts = array.tolist()
    if array.dtype.kind in "UO" and all(isinstance(text, str) and _fits(text) for text in texts):
        return np.array(texts, dtype=np.str_)
    raise ValueError(
        f"labels must be finite numbers, or texts of 1 to {LABEL_BYTES} bytes without blanks at their ends, but are "
        f"{texts!r:.80}"
    )


def _fits(text: str) -> bool:
    return text.isprintable() and text == text.strip() and 0 < len(text.encode()) <= LABEL_BYTES

"""A user's own statistics in the file of a record: they are held against what a record can have, whoever wrote it.

Labels that are numbers are a coordinate, as zarr has them. Text is not a type that every reader of zarr knows: labels
that are texts are bytes (UTF-8, filled up with blanks) in an array ``label_AXIS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from glassnet.simulate.axes import AT_TIMES
from glassnet.simulate.labelled import LABEL_BYTES, PREFIX, TEXT_LABEL, Axes, label_values
from glassnet.simulate.statistic import Statistic, with_units
from glassnet.store import strict


def packed(data: xr.Dataset) -> xr.Dataset:
    """A record's arrays, with labels that are texts as bytes."""
    for name in data.attrs.get("statistics", {}):
        for dim, labels in Axes.recorded(data, name).labels.items():
            if labels.dtype.kind == "U":
                rows = [list(text.encode().ljust(LABEL_BYTES)) for text in labels.tolist()]
                data = data.drop_vars(dim).assign({TEXT_LABEL + dim: ((dim, "character"), np.array(rows, np.uint8))})
    return data


def axes_of(data: xr.Dataset) -> set[str]:
    """The axes of the statistics of a file, once all that it has of them was found right.

    Raises:
        ValueError: statistics, their axes or their labels are not as glassnet writes them.
    """
    about = data.attrs.get("statistics", {})
    there = {str(name) for name in data.variables if str(name).startswith(PREFIX)}
    if not isinstance(about, Mapping) or {PREFIX + name for name in about} != there:
        raise ValueError(f"statistics must describe {', '.join(sorted(there)) or 'none'}, but are {about!r:.200}")
    axes: set[str] = set()
    for name, said in about.items():
        _refuse_other_description(name, said)
        variable = data[PREFIX + name]
        shared, own = variable.dims[: len(AT_TIMES)], variable.dims[len(AT_TIMES) :]
        if shared != AT_TIMES or len({*shared, *own}) < variable.ndim or variable.dtype != np.float64:
            raise ValueError(
                f"{PREFIX}{name} must be float64 with axes {', '.join(AT_TIMES)}, ..., but is {variable.dtype} with "
                f"{', '.join(map(str, variable.dims))}"
            )
        found = Axes.recorded(data, name)
        found.refuse_misfit(name, data.sizes["layer"])
        for dim, labels in found.labels.items():
            if data[dim].dims != (dim,) or labels.dtype not in (np.int64, np.float64):
                raise ValueError(f"labels of {dim!r} must be int64 or float64, but are {labels.dtype}")
            label_values(labels)
        axes |= found.lengths.keys()
    return axes - {"layer"}


def stored_axes(data: xr.Dataset) -> set[str]:
    """Those, and the axis of the bytes of labels that are texts.

    Raises:
        ValueError: as :func:`axes_of`.
    """
    return axes_of(data) | (
        {"character"} if any(str(name).startswith(TEXT_LABEL) for name in data.variables) else set()
    )


def unpacked(data: xr.Dataset) -> xr.Dataset:
    """The arrays of :func:`packed` as a record has them.

    Raises:
        ValueError: labels are not as glassnet writes them.
    """
    own = axes_of(data)
    for name in [str(name) for name in data.variables if str(name).startswith(TEXT_LABEL)]:
        dim, variable = name.removeprefix(TEXT_LABEL), data[name]
        if dim not in own or variable.dims != (dim, "character") or variable.dtype != np.uint8 or dim in data.coords:
            raise ValueError(f"{name} must be bytes with axes {dim}, character, but has {variable.dims!r:.200}")
        texts = [bytes(row).decode().rstrip(" ") for row in variable.values]
        data = data.drop_vars(name).assign_coords({dim: label_values(np.array(texts, dtype=object))})
    return with_units(data)


def _refuse_other_description(name: Any, said: Any) -> None:
    if not isinstance(said, Mapping) or set(said) != {"version", "needs", "unit"}:
        raise ValueError(f"statistic {name!r:.80} must say version, needs and unit, but says {said!r:.200}")
    strict.whole("version", said["version"], 2**53)
    needs = Statistic(name, print, version=said["version"], needs=said["needs"], unit=said["unit"]).needs
    if needs != said["needs"]:
        raise ValueError(f"needs must be {needs!r}, but are {said['needs']!r:.200}")

"""An ensemble or a record as one file: a sealed zip of zarr arrays, which ``zarr.storage.ZipStore`` opens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from glassnet._zip import Members
from glassnet.store import placing, sealing, strict
from glassnet.store.arrays import NODE, StoredArray, find_arrays
from glassnet.store.values import Value, from_dataset, to_dataset, with_tuples

FORMAT: Final = 1
"""What this version writes; files of a later format are refused."""

_CHUNK_BYTES: Final = 64 * 2**20


def save(value: Value, path: str | os.PathLike[str]) -> None:
    """Write an ensemble or a record to one file, bit for bit; an existing file is replaced only when all is written.

    Args:
        value: what to keep.
        path: the file, by custom ``name.zarr.zip``; its folder must exist.

    Raises:
        TypeError: neither an ensemble nor a record.
        OSError: the folder is missing, or the disk is full; an existing file is then untouched.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> gn.save(start, "start.zip")
        >>> gn.load("start.zip")
        Ensemble(4 replicas of Mlp(n_features=4, width=6, depth=2), float64, steps 0 to 0, 0 diverged)
    """
    write(Path(path), value, {})


def load(path: str | os.PathLike[str]) -> Value:
    """The ensemble or record that :func:`save` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged, truncated or foreign file, or one of a later format.
    """
    return read(Path(path))[0]


def write(path: Path, value: Value, header: Mapping[str, Any], *, sweep: bool = True) -> None:
    """:func:`save` with a header of JSON values, which :func:`read` gives back; ``sweep`` as in ``placing``."""
    kind, data = to_dataset(value)
    about = {
        "format": FORMAT,
        "kind": kind,
        "header": dict(header),
        "attributes": data.attrs,
    }
    members = _members(_sorted(data, {"glassnet": json.dumps(about, sort_keys=True)}))
    placing.write_bytes(path, sealing.sealed(members), sweep=sweep)


def read(path: Path) -> tuple[Value, dict[str, Any]]:
    """The value in a file and its header.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as :func:`load`.
    """
    members, about = _checked(path)
    try:
        groups = find_arrays(members)
        if set(groups) != {""}:
            raise ValueError(f"it must hold one group of arrays, but holds {', '.join(sorted(groups))}")
        value = from_dataset(about["kind"], _dataset(groups[""], members, with_tuples(about["attributes"])))
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:
        raise sealing.unreadable(path, error) from error
    return value, dict(about["header"])


def read_header(path: Path) -> dict[str, Any]:
    """The header of a file whose every byte was checked.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as :func:`load`.
    """
    return dict(_checked(path)[1]["header"])


def refuse_other_format(path: Path, found: object) -> None:
    """Refuse what another version wrote.

    Raises:
        ValueError: a format other than this version's.
    """
    if found != FORMAT:
        raise ValueError(f"{path}: format must be {FORMAT} in this version of glassnet, but is {found}")


def _checked(path: Path) -> tuple[Members, dict[str, Any]]:
    """A file's members and what it says about itself, once its checksum was found right."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file; glassnet.open_run opens the folder of a run")
    members = sealing.unsealed(path)
    if NODE not in members:
        raise ValueError(f"{path} holds neither a record nor an ensemble; glassnet.open_run opens condensed runs")
    try:
        found = strict.parsed(strict.read(members, NODE)["attributes"]["glassnet"], infinite=True)
        about = {name: found[name] for name in ("format", "kind", "header", "attributes")}
    except Exception as error:
        raise sealing.unreadable(path, error) from error
    refuse_other_format(path, about["format"])
    for name in ("header", "attributes"):
        if not isinstance(about[name], dict):
            raise ValueError(f"{path}: {name} must be names with values, but is {about[name]!r:.80}")
    return members, about


def _dataset(stored: Mapping[str, StoredArray], members: Members, attributes: dict[str, Any]) -> xr.Dataset:
    """The arrays as xarray wrote them: a variable says which others are its coordinates."""
    coordinates: set[str] = set()
    variables = {}
    for name, array in stored.items():
        about = dict(array.attributes)
        coordinates |= set(str(about.pop("coordinates", "")).split())
        if array.dims is None:
            raise ValueError(f"{name} must name its axes")
        if name in array.dims:
            coordinates.add(name)
        variables[name] = xr.Variable(array.dims, array.read(members), about)
    data = xr.Dataset(variables).set_coords(coordinates)
    return _sorted(data, attributes)


def _sorted(data: xr.Dataset, attributes: dict[str, Any]) -> xr.Dataset:
    """The same variables in alphabetical order: the order of making must not show in the bytes."""
    plain = {n: (data[n].dims, data[n].values, data[n].attrs) for n in sorted(data.variables, key=str)}
    coordinates = {name: plain.pop(name) for name in list(plain) if name in data.coords}
    return xr.Dataset(plain, coordinates, attributes)


def _members(data: xr.Dataset) -> dict[str, bytes]:
    from zarr.storage import MemoryStore  # as above

    arrays: dict[str, Any] = {}
    encoding = {
        str(name): {"_FillValue": None, "chunks": _chunks(variable)}
        for name, variable in data.variables.items()
        if variable.ndim
    }
    data.to_zarr(MemoryStore(arrays), mode="w", encoding=encoding, consolidated=False, zarr_format=3)
    return {name: content.to_bytes() for name, content in arrays.items()}


def _chunks(variable: xr.Variable) -> tuple[int, ...]:
    """Whole arrays but for the largest, which are cut along their first dimension."""
    first, *rest = (max(1, size) for size in variable.shape)
    one = int(np.prod(rest)) * variable.dtype.itemsize
    return (max(1, min(first, _CHUNK_BYTES // one)), *rest)

"""The state of engines among the arrays of a file.

State of the owner X is stored as ``engine_state_X_tag`` (replica, character: a text of 64 bytes, spaces at its end),
``engine_state_X_NAME`` (replica, ...) for each array and ``engine_count_X_NAME`` (replica) for each count. The first
owner came before there were others: its arrays have names of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.simulate.state import TAG_LENGTH, EngineState

_Key = tuple[str, str, str]
"""Owner, "state" or "count", name of the array."""

_FIRST: Final[dict[_Key, tuple[str, tuple[str, ...]]]] = {
    ("skin", "state", "tag"): ("skin_tag", ("replica", "character")),
    ("skin", "state", "width"): ("skin_width", ("replica",)),
    ("skin", "count", "missed_wakings"): ("skin_missed", ("replica",)),
    ("skin", "state", "rows"): ("skin_rows", ("replica", "byte")),
}
"""Names and axes that differ from those of later owners."""

_KEYS: Final = {name: key for key, (name, _) in _FIRST.items()}
_GENERIC: Final = re.compile(r"engine_(state|count)_([a-z][a-z0-9]*)_([a-z][a-z0-9_]*)")


def arrays(state: Mapping[str, EngineState]) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    """Axes and values of all arrays of all owners, by the names under which they are stored."""
    found: dict[_Key, NDArray[Any]] = {}
    for owner, one in state.items():
        # Text of a fixed length is not a type that every reader of zarr knows.
        tag = [list(text.ljust(TAG_LENGTH).encode()) for text in one.tag.tolist()]
        found[owner, "state", "tag"] = np.array(tag, np.uint8)
        found |= {(owner, "state", name): array for name, array in one.arrays.items()}
        found |= {(owner, "count", name): array for name, array in one.counts.items()}
    return {_name(key): (_axes(key, array.ndim), array) for key, array in found.items()}


def taken_from(data: xr.Dataset) -> tuple[dict[str, EngineState], xr.Dataset]:
    """The states that :func:`arrays` took apart, and the arrays that are left.

    Raises:
        ValueError: arrays are missing, or of other names, axes or types.
    """
    stored = {str(name): key for name in data.variables if (key := _key(str(name))) is not None}
    for name, key in stored.items():
        wanted = _axes(key, data[name].ndim)
        if name != _name(key) or data[name].dims != wanted:
            raise ValueError(f"{_name(key)} must have the axes {', '.join(wanted)}, but {name} has {data[name].dims}")
    owners = sorted({owner for owner, _, _ in stored.values()})
    states = {owner: _state(owner, {key: data[name].values for name, key in stored.items()}) for owner in owners}
    return states, data.drop_vars(list(stored))


def is_stored(name: str) -> bool:
    """Whether an array of this name is a part of a state."""
    return _key(name) is not None


def _state(owner: str, found: Mapping[_Key, NDArray[Any]]) -> EngineState:
    missing = [_name(key) for key in {(owner, "state", "tag"), *_FIRST} if key[0] == owner and key not in found]
    if missing:
        raise ValueError(f"state {owner!r} must have an array {missing[0]}")
    tag = found[owner, "state", "tag"]
    if tag.dtype != np.uint8 or tag.shape[1] != TAG_LENGTH:
        raise ValueError(f"{_name((owner, 'state', 'tag'))} must have {TAG_LENGTH} uint8 a replica, but is {tag!r:.80}")
    texts = np.array([bytes(row).decode("ascii").rstrip(" ") for row in tag])
    kinds: dict[str, dict[str, NDArray[Any]]] = {"state": {}, "count": {}}
    for (whose, kind, name), array in found.items():
        if whose == owner and (kind, name) != ("state", "tag"):
            kinds[kind][name] = array
    return EngineState(texts, kinds["state"], kinds["count"])


def _key(name: str) -> _Key | None:
    if (match := _GENERIC.fullmatch(name)) is not None:
        return match[2], match[1], match[3]
    return _KEYS.get(name)


def _name(key: _Key) -> str:
    owner, kind, name = key
    return _FIRST[key][0] if key in _FIRST else f"engine_{kind}_{owner}_{name}"


def _axes(key: _Key, n_axes: int) -> tuple[str, ...]:
    if key in _FIRST:
        return _FIRST[key][1]
    if key[1:] == ("state", "tag"):
        return ("replica", "character")
    return ("replica", *(f"axis_{i}_of_{_name(key)}" for i in range(1, n_axes)))

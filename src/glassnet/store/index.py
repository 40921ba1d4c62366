"""The units that the index of a condensed run lists, held against what its file holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from glassnet import _check
from glassnet.store import strict
from glassnet.store.arrays import StoredArray

SUFFIX: Final = ".run.zip"

ADDRESS_LENGTH: Final = 16
"""Hexadecimal digits of a unit's address: enough to tell apart those of one folder."""

_ADDRESS: Final = re.compile(rf"[0-9a-f]{{{ADDRESS_LENGTH}}}")
_BESIDE: Final = {"address", "end", "file"}
_RESULTS: Final = {"address", "end", "results", "kind"}
_VALUE: Final = {*_RESULTS, "stack", "position", "attributes"}


def checked_units(listed: Any, n_in_stacks: Sequence[int], own_name: str) -> dict[str, dict[str, Any]]:
    """Entries of an index by the address of their unit.

    Args:
        listed: the units as the index has them.
        n_in_stacks: how many units each stack holds.
        own_name: of the file itself.

    Raises:
        ValueError: a unit that is not described as glassnet does, two at one place, or one that is nowhere.
    """
    units: dict[str, dict[str, Any]] = {}
    places = set()
    for unit in listed:
        address = unit["address"]
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address) or address in units:
            raise ValueError(f"each unit must have an address of its own, but one has {address!r:.80}")
        units[address] = unit
        strict.whole(f"end of unit {address}", unit["end"], _check.MAX_STEP)
        if set(unit) == _BESIDE:
            _refuse_elsewhere(address, unit["file"], own_name)
            continue
        if set(unit) != (_RESULTS if unit.get("kind") is None else _VALUE):
            raise ValueError(f"unit {address} must have a file, results or a value, but has {', '.join(sorted(unit))}")
        strict.numbers(f"results of unit {address}", unit["results"])
        if unit["kind"] is not None:
            places.add(_place(address, unit, n_in_stacks))
    n_values = sum("stack" in unit for unit in units.values())
    if not len(places) == n_values == sum(n_in_stacks):
        raise ValueError(
            f"its stacks hold {sum(n_in_stacks)} units, but its index has {n_values} at {len(places)} different places"
        )
    return units


def n_stacked(stack: Mapping[str, StoredArray]) -> int:
    """How many units a stack holds.

    Raises:
        ValueError: arrays of other axes than they say, or of unlike lengths.
    """
    for name, array in stack.items():
        about = array.attributes
        if set(about) != {"dims", "stored", "coordinate"} or not isinstance(about["coordinate"], bool):
            raise ValueError(f"the array {name} of a stack must say dims, stored, coordinate, but says {about!r:.80}")
        dims, stored = about["dims"], about["stored"]
        for axes in (dims, stored):
            if not isinstance(axes, list) or len(axes) != len(array.shape) or axes[:1] != ["unit"]:
                raise ValueError(f"the array {name} of a stack must have axes unit, ..., but has {axes!r:.80}")
        if sorted(map(str, dims)) != sorted(stored) or len(set(stored)) != len(stored):
            raise ValueError(f"the array {name} of a stack must have the same axes stored, but has {dims} and {stored}")
    lengths = {array.shape[0] for array in stack.values()}
    if len(lengths) != 1:
        raise ValueError(f"the arrays of a stack must all hold the same number of units, but hold {sorted(lengths)}")
    return lengths.pop()


def _refuse_elsewhere(address: str, file: Any, own_name: str) -> None:
    plain = isinstance(file, str) and file == Path(file).name and file.isprintable() and file.endswith(SUFFIX)
    if not plain or file == own_name:
        raise ValueError(
            f"unit {address} must be in another file NAME{SUFFIX} of the same folder, but its file is {file!r:.80}"
        )


def _place(address: str, unit: Mapping[str, Any], n_in_stacks: Sequence[int]) -> tuple[int, int]:
    if unit["kind"] not in ("ensemble", "record") or not isinstance(unit["attributes"], dict):
        raise ValueError(f"unit {address} must be an ensemble or a record, but is {unit['kind']!r:.80}")
    stack = strict.whole(f"stack of unit {address}", unit["stack"], len(n_in_stacks) - 1)
    return stack, strict.whole(f"position of unit {address}", unit["position"], n_in_stacks[stack] - 1)

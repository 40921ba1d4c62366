"""A run as one small file, to keep, to pass on and to look at; not to go on with.

Units of like arrays are stacked, so that what they have in common is stored once, and bits are shuffled before they
are compressed, so that what was rounded away takes no room. What to round is not decided here: this format keeps bits.

    index.json          the description of the run; of each unit its address, end, results and attributes, or the
                        name of the condensed run beside this one that holds it
    stacks/0, 1, ...    a zarr group each: the arrays of like units, along a first axis
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from glassnet._zip import Members
from glassnet.store import files, placing, sealing, strict
from glassnet.store.arrays import StoredArray, find_arrays
from glassnet.store.belonging import refuse_another
from glassnet.store.directory import Identity, unit_name
from glassnet.store.index import ADDRESS_LENGTH, SUFFIX, checked_units, n_stacked
from glassnet.store.values import Value, from_dataset, to_dataset, with_tuples

_INDEX: Final = "index.json"
_STACKS: Final = "stacks"
_CLOCKS: Final = ("time", "sparse_time")
"""Axes along which values change least from one to the next: they are stored innermost."""


@dataclass(frozen=True)
class CondensedUnit:
    """What is kept of a unit.

    Args:
        value: one replica; None where only its results are kept.
        end: steps since the beginning of its last stage.
        results: what was evaluated of it, as plain numbers.
    """

    value: Value | None
    end: int
    results: dict[str, float]


@dataclass(frozen=True)
class Beside:
    """A unit that is left where it is.

    Args:
        file: name of the condensed run, in the same folder, that holds it.
        end: how far it got.
    """

    file: str
    end: int


@dataclass(frozen=True)
class CondensedRun:
    """The file of a run, read as :class:`RunDirectory` reads the folder of one."""

    path: Path

    def describe(self) -> dict[str, Any]:
        """What the run says about itself.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a damaged or foreign file, or one of another format.
        """
        return dict(self._opened.run)

    def unit_end(self, identity: Identity) -> int | None:
        """How far a unit got, in steps since the beginning of its last stage; None where there is none.

        Raises:
            ValueError: the file, or one beside it, is damaged.
        """
        found = self._find(_address(identity))
        return None if found is None else found[1]["end"]

    def read_unit(self, identity: Identity) -> CondensedUnit:
        """A unit.

        Raises:
            FileNotFoundError: there is none.
            ValueError: as :meth:`unit_end`.
        """
        found = self._find(_address(identity))
        if found is None:
            raise FileNotFoundError(f"{self.path} holds no unit {unit_name(identity)}")
        run, about = found
        try:
            value = run._value(about)
            if value is not None:
                refuse_another(value, identity, about["end"])
            return CondensedUnit(value, about["end"], dict(about["results"]))
        except MemoryError:
            raise
        except Exception as error:
            raise sealing.unreadable(run.path, error) from error

    def holds(self, identity: Identity, end: int, *, value: bool) -> bool:
        """Whether the file itself has a unit that ended at ``end``, with its value if that is asked for."""
        about = self._units.get(_address(identity))
        if about is None or "file" in about:
            return False
        return about["end"] == end and not (value and about["kind"] is None)

    def read_others(self, asked: Iterable[Identity]) -> int:
        """Read the file's own units that are not asked for, and count them.

        Raises:
            ValueError: one is damaged.
        """
        known = {_address(identity) for identity in asked}
        others = [about for address, about in self._units.items() if address not in known and "file" not in about]
        for about in others:
            try:
                self._value(about)
            except MemoryError:
                raise
            except Exception as error:
                raise sealing.unreadable(self.path, error) from error
        return len(others)

    def _find(self, address: str) -> tuple[CondensedRun, dict[str, Any]] | None:
        """The file that holds a unit, and what it says of it."""
        about = self._units.get(address)
        if about is None or "file" not in about:
            return None if about is None else (self, about)
        there = self._beside.setdefault(about["file"], CondensedRun(self._path_beside(about["file"])))
        held = there._units.get(address) if there.path.is_file() else None
        # The other file may have been made again since, of other units.
        return (there, held) if held is not None and "file" not in held and held["end"] == about["end"] else None

    def _path_beside(self, name: str) -> Path:
        """Where another condensed run of the same folder is; a link may stand in another folder than its file."""
        path = self.path.with_name(name)
        return path if path.is_file() else self.path.resolve().with_name(name)

    def _value(self, about: Mapping[str, Any]) -> Value | None:
        if about["kind"] is None:
            return None
        variables: dict[str, xr.Variable] = {}
        coordinates: dict[str, xr.Variable] = {}
        for name, (is_coordinate, array) in self._stack(about["stack"]).items():
            (coordinates if is_coordinate else variables)[name] = array[about["position"]]
        attributes = with_tuples(about["attributes"])
        return from_dataset(about["kind"], xr.Dataset(variables, coordinates, attributes))

    def _stack(self, number: int) -> dict[str, tuple[bool, xr.Variable]]:
        """Arrays of like units, with whether they are coordinates; none has attributes of its own."""
        if number not in self._read:
            self._read[number] = {
                name: (about["coordinate"], xr.Variable(about["stored"], values).transpose(*about["dims"]))
                for name, values, about in (
                    (name, array.read(self._opened.members), array.attributes)
                    for name, array in self._opened.stacks[number].items()
                )
            }
        return self._read[number]

    @cached_property
    def _opened(self) -> _Opened:
        members = sealing.unsealed(self.path)
        if _INDEX not in members:
            raise ValueError(f"{self.path} holds an ensemble or a record, not a run; glassnet.load opens it")
        try:
            found = strict.read(members, _INDEX, infinite=True)
            found_format = found["format"]
        except Exception as error:
            raise sealing.unreadable(self.path, error) from error
        files.refuse_other_format(self.path, found_format)
        try:
            stacks = [*_in_order(find_arrays(members, [_INDEX]))]
            units = checked_units(found["units"], [*map(n_stacked, stacks)], self.path.name)
            return _Opened(members, dict(found["run"]), units, stacks)
        except MemoryError:
            raise
        except Exception as error:
            raise sealing.unreadable(self.path, error) from error

    @property
    def _units(self) -> dict[str, dict[str, Any]]:
        return self._opened.units

    @cached_property
    def _beside(self) -> dict[str, CondensedRun]:
        """Condensed runs in the same folder by name, each opened once."""
        return {}

    @cached_property
    def _read(self) -> dict[int, dict[str, tuple[bool, xr.Variable]]]:
        return {}


@dataclass(frozen=True)
class _Opened:
    """A file whose every member was held against what it must be: the run, its units by address, and their arrays."""

    members: Members
    run: dict[str, Any]
    units: dict[str, dict[str, Any]]
    stacks: list[dict[str, StoredArray]]


def _in_order(groups: Mapping[str, dict[str, StoredArray]]) -> Iterator[dict[str, StoredArray]]:
    for number in range(len(groups)):
        prefix = f"{_STACKS}/{number}/"
        if prefix not in groups:
            raise ValueError(f"its stacks must be numbered from 0 to {len(groups) - 1}, but {number} is not there")
        yield groups[prefix]


def condensed_in(folder: Path) -> Iterator[CondensedRun]:
    """The condensed runs in a folder, by name."""
    yield from (CondensedRun(path) for path in sorted(folder.glob(f"*{SUFFIX}")))


def write_condensed(
    path: Path, description: Mapping[str, Any], units: Iterable[tuple[Identity, CondensedUnit | Beside]]
) -> None:
    """Put the file of a run in place.

    Args:
        path: the file; its folder must exist.
        description: what the run says about itself, as JSON values.
        units: those that are kept, or where they are, with their identities.
    """
    stacks: dict[Any, list[xr.Dataset]] = {}
    index = []
    for identity, unit in units:
        about: dict[str, Any] = {"address": _address(identity), "end": unit.end}
        if isinstance(unit, Beside):
            index.append(about | {"file": unit.file})
            continue
        about |= {"results": unit.results, "kind": None}
        if unit.value is not None:
            kind, data = to_dataset(unit.value)
            stack = stacks.setdefault((kind, _shape(data)), [])
            number = list(stacks).index((kind, _shape(data)))
            about |= {"stack": number, "position": len(stack), "kind": kind, "attributes": data.attrs}
            stack.append(data)
        index.append(about)
    members: dict[str, bytes] = {}
    for number, alike in enumerate(stacks.values()):
        members |= {f"{_STACKS}/{number}/{name}": content for name, content in _stacked(alike).items()}
    content = {"format": files.FORMAT, "run": description, "units": index}
    # Losses of replicas that diverged are no numbers of JSON's: they are written as units have them.
    members[_INDEX] = json.dumps(content, sort_keys=True).encode()
    placing.write_bytes(path, sealing.sealed(members, zipfile.ZIP_DEFLATED))


def _address(identity: Identity) -> str:
    return unit_name(identity)[:ADDRESS_LENGTH]


def _shape(data: xr.Dataset) -> tuple[Any, ...]:
    return tuple(
        (name, data[name].dims, data[name].shape, str(data[name].dtype)) for name in sorted(data.variables, key=str)
    )


def _stacked(alike: list[xr.Dataset]) -> dict[str, bytes]:
    """The members of a zarr group with the arrays of all of them."""
    from zarr import create_array, create_group
    from zarr.codecs import BloscCodec
    from zarr.storage import MemoryStore

    packed: dict[str, Any] = {}
    store = MemoryStore(packed)
    create_group(store)
    for name in sorted(alike[0].variables, key=str):
        dims = ("unit", *map(str, alike[0][name].dims))
        clocks = [dim for dim in dims if dim in _CLOCKS]
        stored = [*(dim for dim in dims if dim not in clocks), *clocks]
        values = np.stack([data[name].values for data in alike]).transpose([dims.index(dim) for dim in stored])
        create_array(
            store,
            name=str(name),
            data=np.ascontiguousarray(values),
            chunks=tuple(max(1, size) for size in values.shape),
            compressors=BloscCodec(cname="zstd", clevel=9, shuffle="bitshuffle"),
            attributes={"dims": list(dims), "stored": stored, "coordinate": name in alike[0].coords},
        )
    return {name: content.to_bytes() for name, content in packed.items()}

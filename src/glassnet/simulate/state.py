"""State that an engine keeps of its replicas beside their weights; an ensemble carries it from step to step.

A list of rows to look at, velocities, second moments: the arrays mean something to their owner alone. All others slice,
join, save and hand them on, so that a run that is stopped and continued has the bits of one that was not. An engine
hands back what it goes on from and nothing else, so that any other evolution drops it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet.simulate.axes import OWN_COUNTS, is_free

TAG_LENGTH: Final = 64

_TAG: Final = re.compile(rf"[!-~]{{0,{TAG_LENGTH}}}")
_OWNER: Final = re.compile(r"[a-z][a-z0-9]{0,31}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TYPES: Final = ("bool", "uint8", "int64", "float32", "float64")
_MOST_AXES: Final = 8


@dataclass(frozen=True, eq=False)
class EngineState:
    """The state of one owner; every array has one entry a replica and is read-only.

    Args:
        tag: ``(replica,)`` text, by which the owner tells whether a replica's entries are still valid, such as a hash
            of all that they depend on: up to 64 ASCII characters without spaces. Empty where a replica has none.
        arrays: ``(replica, ...)`` by name, of up to 8 axes; bool, uint8, int64, float32 or float64.
        counts: ``(replica,)`` int64 by name; a record has them as coordinates of these names.

    Raises:
        ValueError: an array, a name or a tag is none of these.
    """

    tag: NDArray[np.str_]
    arrays: Mapping[str, NDArray[Any]]
    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tag = np.array(self.tag)
        if tag.ndim != 1 or tag.dtype.kind != "U" or not all(_TAG.fullmatch(one) for one in tag.tolist()):
            raise ValueError(
                f"tag must be one text a replica, up to {TAG_LENGTH} ASCII characters and no space, but is {tag!r:.80}"
            )
        arrays, counts = ({name: _own(one) for name, one in x.items()} for x in (self.arrays, self.counts))
        for name, one in [*arrays.items(), *counts.items()]:
            if not _NAME.fullmatch(name) or name == "tag" or (name in arrays and name in counts):
                raise ValueError(
                    "an array must have a name of its own, of up to 32 small letters, digits and underscores and other "
                    f"than tag, but one is named {name!r:.80}"
                )
            if one.dtype.name not in _TYPES or one.ndim > _MOST_AXES or one.shape[:1] != tag.shape:
                raise ValueError(
                    f"{name} must have one entry for each of {len(tag)} replicas, up to {_MOST_AXES} axes and one of "
                    f"the types {', '.join(_TYPES)}, but is {one.dtype} of shape {one.shape}"
                )
        for name, one in counts.items():
            if one.dtype != np.int64 or one.ndim != 1:
                raise ValueError(f"count {name} must be one int64 a replica, but is {one.dtype} of shape {one.shape}")
            if name not in OWN_COUNTS and not is_free(name):
                raise ValueError(f"a count must not have a name that a record has already, but got {name!r}: rename it")
        for name, value in (("tag", tag.astype(f"<U{TAG_LENGTH}")), ("arrays", arrays), ("counts", counts)):
            object.__setattr__(self, name, value)
        for one in self._all.values():
            one.setflags(write=False)

    def __len__(self) -> int:
        return len(self.tag)

    def __eq__(self, other: object) -> bool:
        """Whether all is the same, bit for bit."""
        return isinstance(other, EngineState) and _bits(self) == _bits(other)

    def __getitem__(self, index: Any) -> EngineState:
        """The entries of the replicas that a slice, a mask or an array of positions picks."""
        return self._made(lambda name: self._all[name][index])

    @property
    def layout(self) -> dict[str, tuple[str, int]]:
        """Type and number of axes by name of all arrays, the tag among them."""
        return {name: (one.dtype.name, one.ndim) for name, one in sorted(self._all.items())}

    @property
    def _all(self) -> dict[str, NDArray[Any]]:
        return {"tag": self.tag, **self.arrays, **self.counts}

    def _made(self, array: Callable[[str], NDArray[Any]]) -> EngineState:
        """A state of the same layout."""
        arrays, counts = ({name: array(name) for name in x} for x in (self.arrays, self.counts))
        return EngineState(array("tag"), arrays, counts)


def checked(state: Mapping[str, EngineState], n_replicas: int) -> dict[str, EngineState]:
    """The states by owner, if they are of so many replicas.

    Raises:
        TypeError: one is something else than a state.
        ValueError: they are not, or an owner is named otherwise than by up to 32 small letters and digits.
    """
    _check.same_kind("state", state, Mapping)
    for owner, one in state.items():
        _check.same_kind(f"state {owner!r:.80}", one, EngineState)
        if not _OWNER.fullmatch(owner):
            raise ValueError(f"state must be named by up to 32 small letters and digits, but one is {owner!r:.80}")
        if len(one) != n_replicas:
            raise ValueError(f"state {owner!r} must be of {n_replicas} replicas, but is of {len(one)}")
    return dict(state)


def joined(states: Sequence[Mapping[str, EngineState]], sizes: Sequence[int]) -> dict[str, EngineState]:
    """The states of several ensembles of these sizes, in order; replicas that have none get an empty tag and zeros.

    Raises:
        ValueError: one owner's arrays have other names or types in one ensemble than in another.
    """
    owners = {owner for state in states for owner in state}
    return {owner: _joined(owner, [state.get(owner) for state in states], sizes) for owner in sorted(owners)}


def _joined(owner: str, parts: Sequence[EngineState | None], sizes: Sequence[int]) -> EngineState:
    first, *others = [part for part in parts if part is not None]
    for other in others:
        if other.layout != first.layout:
            raise ValueError(
                f"state {owner!r} must be alike in all ensembles, but has {first.layout} in one and {other.layout} in "
                "another: leave it out with dataclasses.replace(ensemble, state={})"
            )

    def array(name: str) -> NDArray[Any]:
        """Rows one below the other; where they are shorter in one part they end in zeros."""
        found = [None if part is None else part._all[name] for part in parts]
        shapes = [one.shape[1:] for one in found if one is not None]
        longest = [max(lengths) for lengths in zip(*shapes, strict=True)]
        whole = np.zeros((sum(sizes), *longest), first._all[name].dtype)
        for begin, one in zip(np.cumsum([0, *sizes]), found, strict=False):
            if one is not None:
                whole[(slice(begin, begin + len(one)), *map(slice, one.shape[1:]))] = one
        return whole

    return first._made(array)


def _own(values: Any) -> NDArray[Any]:
    """A copy, in the machine's byte order."""
    array = np.array(values, order="C")
    return array.astype(array.dtype.name) if array.dtype.name in _TYPES else array


def _bits(state: EngineState) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    return [(name, one.dtype.name, one.shape, one.tobytes()) for name, one in sorted(state._all.items())]

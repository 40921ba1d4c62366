"""The state of one call of a verb in a file, so that a script that was killed goes on when it is run again.

The file is what :func:`glassnet.save` writes, with the call in its header: it goes on with that call only, and stays
when the call is done.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.measurement import Progress, State
from glassnet.store import files, placing
from glassnet.store.directory import canonical, first_difference
from glassnet.store.lock import held
from glassnet.store.values import Value, to_dataset

_SECONDS: Final = 10.0
_SHARE: Final = 0.02
"""How often the state is kept, and which share of the time writing it may take."""

Listener = Callable[[Progress[State]], None]


def checkpointed(
    path: str | os.PathLike[str] | None,
    call: Callable[[], Mapping[str, Any]],
    go: Callable[[State | None, Listener[State] | None], State],
    on_progress: Listener[State] | None,
) -> State:
    """Result of ``go``, whose state is kept in a file on the way and in the end.

    Args:
        path: the file; None to keep nothing.
        call: what the result depends on, as JSON values.
        go: makes the result from the state kept so far, None at first, and tells its second argument of progress.
        on_progress: is told too.

    Raises:
        FileNotFoundError: the file's folder is not there.
        ValueError: the file holds another call or something else, is damaged, or another process works on it.
        OSError: the file cannot be written.
    """
    if path is None:
        return go(None, on_progress)
    # The file that is meant now, by one name for one lock: ``on_progress`` may go to another folder.
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        raise FileNotFoundError(f"checkpoint must be a file in a folder that is there, but {place.parent} is not")
    asked = json.loads(canonical(call()))
    with held(place.with_name(f"{place.name}.lock"), f"checkpoint {place}"):
        placing.remove(placing.left_over(place.parent, place.name))
        so_far = cast("State | None", _read(place, asked) if place.exists() else None)
        return _keeping(_Keeper(place, asked), so_far, go, on_progress)


def fingerprint(value: Value) -> str:
    """SHA-256 of all that an ensemble or a record is, in hex."""
    kind, data = to_dataset(value)
    found = hashlib.sha256(canonical([kind, data.attrs]).encode())
    for name in sorted(data.variables, key=str):
        array = data[name].values
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


class _Keeper:
    """Writes the latest state, now and then."""

    def __init__(self, path: Path, call: Mapping[str, Any]) -> None:
        self._path, self._call, self._due = path, call, 0.0
        self.latest: Callable[[], Value] | None = None

    def hear(self, latest: Callable[[], Value]) -> None:
        self.latest = latest
        if time.monotonic() >= self._due:
            self.write(latest())

    def write(self, value: Value) -> None:
        began = time.monotonic()
        files.write(self._path, value, {"call": self._call})
        now = time.monotonic()
        self._due = now + max(_SECONDS, (now - began) / _SHARE)


def _keeping(
    keeper: _Keeper,
    so_far: State | None,
    go: Callable[[State | None, Listener[State] | None], State],
    on_progress: Listener[State] | None,
) -> State:
    def listen(progress: Progress[State]) -> None:
        keeper.hear(progress.state)
        if on_progress is not None:
            on_progress(progress)

    try:
        result = go(so_far, listen)
    except BaseException:  # Ctrl-C above all
        if keeper.latest is not None:
            keeper.write(keeper.latest())
        raise
    if so_far is None or keeper.latest is not None:
        keeper.write(result)
    return result


def _read(path: Path, asked: Mapping[str, Any]) -> Value:
    """The state in a file that this call has written."""
    value, header = files.read(path)
    remedy = "give another path, or remove the file to begin anew"
    if "call" not in header:
        kind = "an ensemble" if isinstance(value, Ensemble) else "a record"
        raise ValueError(f"checkpoint must be a new file or one that this call wrote, but {path} is {kind}: {remedy}")
    found = header["call"]
    verb = found.get("verb") if isinstance(found, dict) else found
    difference = first_difference(verb, asked["verb"], "verb") or first_difference(found, asked)
    if difference is not None:
        raise ValueError(f"checkpoint {path} is of another call, with {difference}: {remedy}")
    if isinstance(value, Ensemble) != (verb == "evolve"):
        raise ValueError(f"checkpoint {path} is damaged: {verb} does not make {type(value).__name__}: {remedy}")
    return value

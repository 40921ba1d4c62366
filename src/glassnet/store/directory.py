"""A run on disk: a folder of units, each addressed by the hash of what was asked for.

    run.json            what was asked for, by which versions on which machine
    units/HASH.zarr.zip one file a unit; a unit is one replica at one point
    checkpoints/        blocks of units in progress
    lock                there while a process works on the run
    figures/, summary.json, summary.csv

Every file appears whole or not at all, and carries its own checksum, so that a process may be killed at any moment, and
several may write the same unit or checkpoint: whichever comes last is in place, and the bits of a unit are the same.
Units do not know the run they belong to: runs beside each other in one folder share them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from glassnet._check import MAX_STEP
from glassnet.store import files, placing, sealing, strict
from glassnet.store.belonging import refuse_another
from glassnet.store.files import FORMAT
from glassnet.store.lock import held, holder
from glassnet.store.values import Value

Identity = Mapping[str, Any]
"""What was asked for, as JSON values."""

_DESCRIPTION: Final = "run.json"
_SUFFIX: Final = ".zarr.zip"
_LOCK: Final = "lock"
_REMEDY: Final = "give another folder beside it; what is done is taken from it"


def canonical(value: Any) -> str:
    """JSON of ``value`` that is the same for equal values: sorted keys, no spaces, numbers by their shortest form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def unit_name(identity: Identity) -> str:
    """SHA-256 (hex) of the identity's canonical JSON: the unit's address."""
    return hashlib.sha256(canonical(identity).encode()).hexdigest()


def first_difference(a: Any, b: Any, name: str = "") -> str | None:
    """Where two JSON values differ, as ``field.subfield: a, b``; None where they do not."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted({*a, *b}):
            inner = f"{name}.{key}" if name else str(key)
            if (found := first_difference(a.get(key), b.get(key), inner)) is not None:
                return found
        return None
    return None if canonical(a) == canonical(b) else f"{name} {canonical(a)}, not {canonical(b)}"


@dataclass(frozen=True)
class Unit:
    """A stored unit.

    Args:
        value: one replica.
        end: steps since the beginning of its last stage.
        results: what was evaluated of it, as plain numbers.
    """

    value: Value
    end: int
    results: dict[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of a block in progress is.

    Args:
        path: the file.
        ends: steps since the beginning of its last stage for each unit, by name, in the order of the replicas.
    """

    path: Path
    ends: dict[str, int]


@dataclass(frozen=True)
class RunDirectory:
    """The folder of a run."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether there is a run.

        Raises:
            ValueError: the path is a file, or a folder that holds other things.
        """
        if is_run(self.path):
            return True
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self.path} must be the folder of a run, but is a file")
        if self.path.is_dir() and any(p.suffix != ".part" and p.name != _LOCK for p in self.path.iterdir()):
            raise ValueError(f"{self.path} must be new, empty or the folder of a run, but holds other things")
        return False

    @contextmanager
    def locked(self, on_wait: Callable[[str], None] | None = None) -> Iterator[bool]:
        """Keep other processes from working on the run, while the block runs; who only reads is not hindered.

        Gives whether they are kept out: False where the file system has no locks.

        Args:
            on_wait: told once if another process works on it, which is then waited for; None to refuse instead.

        Raises:
            ValueError: another process works on it and is not waited for.
            OSError: the folder cannot be made, or its lock not be asked for.
        """
        new = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with held(self.path / _LOCK, str(self.path), on_wait) as alone:
                placing.remove(placing.left_over(self.path))
                yield alone
        finally:
            with suppress(OSError):  # there is something in it
                for folder in new:
                    folder.rmdir()

    def holder(self) -> str | None:
        """The process that works on the run, in words; None where none does, or where files cannot be locked."""
        return holder(self.path / _LOCK)

    def describe(self) -> dict[str, Any]:
        """What ``run.json`` says.

        Raises:
            FileNotFoundError: no such run.
            ValueError: the file is damaged, or of a later format.
        """
        path = self.path / _DESCRIPTION
        if not path.is_file():
            why = f"it has no {_DESCRIPTION}" if self.path.exists() else "it is not there"
            raise FileNotFoundError(f"{self.path} is not the folder of a run: {why}")
        try:
            content = strict.parsed(placing.read_bytes(path, strict.MOST_BYTES + 1))
            description, checksum = content["run"], content["sha256"]
            found_format = content["format"]
        except (ValueError, TypeError, KeyError) as error:
            why = f" ({error})" if type(error) is ValueError else ""
            raise ValueError(f"{path} is damaged or was not written by glassnet{why}: {_REMEDY}") from None
        if found_format != FORMAT:
            raise ValueError(f"{path}: format must be {FORMAT} in this version of glassnet, but is {found_format!r}")
        if not isinstance(description, dict):
            raise ValueError(f"{path} is damaged or was not written by glassnet: {_REMEDY}")
        if _sha256(description) != checksum:
            raise ValueError(f"{path} is damaged, its checksum does not match its content: {_REMEDY}")
        return description

    def write_description(self, description: Mapping[str, Any]) -> None:
        """Make the folder where it is missing, and put ``run.json`` in place."""
        self.path.mkdir(parents=True, exist_ok=True)
        content = {"format": FORMAT, "run": description, "sha256": _sha256(description)}
        # First: a folder that holds others without it is not taken for a run.
        self.write_text(_DESCRIPTION, json.dumps(content, indent=2, allow_nan=False) + "\n")
        for folder in ("units", "checkpoints"):
            (self.path / folder).mkdir(exist_ok=True)

    def write_text(self, name: str, text: str) -> None:
        """Put a text file of the run in place."""
        placing.write_bytes(self.path / name, text.encode())

    def unit_path(self, identity: Identity) -> Path:
        """Where a unit's file is or would be."""
        return self.path / "units" / (unit_name(identity) + _SUFFIX)

    def read_unit(self, identity: Identity) -> Unit:
        """A unit.

        Raises:
            FileNotFoundError: there is none.
            ValueError: its file is damaged, or holds another unit.
        """
        path = self.unit_path(identity)
        unit, found = self.unit_in(path)
        _refuse_other(path, found, identity)
        return unit

    def unit_in(self, path: Path) -> tuple[Unit, Identity]:
        """The unit in a file, and what the file says that it is.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is damaged, or its value is not that of the unit that it says.
        """
        value, header = files.read(path)
        identity = _checked(path, header)
        try:
            refuse_another(value, identity, header["end"])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise sealing.unreadable(path, error) from error
        return Unit(value, header["end"], header["results"]), identity

    def unit_end(self, identity: Identity) -> int | None:
        """How far a unit got, in steps since the beginning of its last stage; None where there is none.

        Raises:
            ValueError: as :meth:`read_unit`.
        """
        path = self.unit_path(identity)
        if not path.exists():
            return None
        header = files.read_header(path)
        _refuse_other(path, _checked(path, header), identity)
        return int(header["end"])

    def write_unit(self, identity: Identity, unit: Unit) -> None:
        """Put a unit in place."""
        header = {"identity": dict(identity), "end": unit.end, "results": unit.results}
        files.write(self.unit_path(identity), unit.value, header, sweep=False)

    def unit_files(self) -> list[Path]:
        """All files of units, by name."""
        return sorted((self.path / "units").glob(f"*{_SUFFIX}"))

    def siblings(self) -> list[RunDirectory]:
        """The other runs in the same folder: in that of its path, and, if it is a link, in that which it leads to."""
        here = self.path.resolve()
        named = self.path.name not in ("", "..")
        folders = {folder.resolve(): folder for folder in (here.parent, *([self.path.parent] if named else []))}
        return [run for folder in folders.values() for run in runs_in(folder) if run.path.resolve() != here]

    def checkpoints(self) -> Iterator[Checkpoint | ValueError]:
        """The blocks in progress; for a damaged file the error that names it."""
        for path in sorted((self.path / "checkpoints").glob(f"*{_SUFFIX}")):
            try:
                yield self.checkpoint(path)
            except FileNotFoundError:  # whoever worked on it is done with it
                continue
            except ValueError as error:
                yield error

    def checkpoint(self, path: Path) -> Checkpoint:
        """The block in progress whose state is in a file.

        Raises:
            FileNotFoundError: there is none.
            ValueError: the file is damaged.
        """
        header = files.read_header(path)
        try:
            ends = dict(zip(header["units"], header["ends"], strict=True))
            if len(ends) != len(header["units"]) or not all(isinstance(name, str) for name in ends):
                raise ValueError(f"units must be names, each once, but are {header['units']!r:.200}")
            return Checkpoint(path, {n: strict.whole(f"end of {n}", end, MAX_STEP) for n, end in ends.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise sealing.unreadable(path, error) from error

    def write_checkpoint(self, ends: Mapping[str, int], value: Value) -> None:
        """Put the state of a block in place; a block of the same units has one checkpoint, the latest."""
        header = {"units": list(ends), "ends": list(ends.values())}
        files.write(self.checkpoint_path(ends), value, header, sweep=False)

    def drop_checkpoint(self, units: Iterable[str]) -> None:
        """Remove the state of a block that is stored."""
        placing.remove([self.checkpoint_path(units)])

    def checkpoint_path(self, units: Iterable[str]) -> Path:
        """Where the state of a block of these units is or would be."""
        return self.path / "checkpoints" / (_sha256(list(units)) + _SUFFIX)

    def tidy(self) -> None:
        """Remove what processes that were killed left half written, and checkpoints that nothing needs any more."""
        there = self.path / "checkpoints"
        # A link in a stranger's folder may lead to any folder of the user's.
        done = [] if there.is_symlink() else there.glob(f"*{_SUFFIX}")
        placing.remove([*placing.left_over(self.path), *done])


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, sound or damaged."""
    return (folder / _DESCRIPTION).is_file()


def runs_in(folder: Path) -> list[RunDirectory]:
    """The runs in a folder, by name."""
    return [RunDirectory(path.parent) for path in sorted(folder.glob(f"*/{_DESCRIPTION}"))]


def _checked(path: Path, header: Mapping[str, Any]) -> Identity:
    """Identity in a unit's header, once the header was found to be one."""
    try:
        strict.whole("end", header["end"], MAX_STEP)
        strict.numbers("results", header["results"])
        identity = header["identity"]
        canonical(identity)
        if not isinstance(identity, dict):
            raise ValueError(f"identity must be names with values, but is {identity!r:.80}")
    except (KeyError, ValueError) as error:
        raise sealing.unreadable(path, error) from error
    return identity


def _refuse_other(path: Path, found: Identity, identity: Identity) -> None:
    difference = first_difference(found, json.loads(canonical(identity)))
    if difference is not None:
        raise ValueError(f"{path} holds another unit, with {difference}")


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()

"""Look at every byte of a run and say what is sound."""

from __future__ import annotations

import csv
import math
import shlex
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import OwnData, refuse_damaged
from glassnet.runs.pieces import pieces_in
from glassnet.runs.run import Run
from glassnet.runs.table import summary_files
from glassnet.simulate.ensemble import Ensemble
from glassnet.store import bits, files, placing, strict
from glassnet.store.condensed import CondensedRun
from glassnet.store.directory import Checkpoint, RunDirectory, unit_name
from glassnet.store.index import SUFFIX


@dataclass(frozen=True)
class Verification:
    """The findings in a run's files.

    Args:
        n_asked: units that the run asks for.
        n_complete: those of them that are there, whole and sound.
        n_begun: those that are there and sound, but end early: a shorter run made them.
        n_others: sound units that the run does not ask for (any more).
        n_checkpoints: sound states of work in progress.
        damaged: what is wrong, each naming its file; what is damaged is made again when the run is gone on with.
        summary: what was found of ``summary.json`` and ``summary.csv``, which are calculated from the units again; one
            that an older version wrote may lack columns.
        left_over: files that a killed process left half written; nothing reads them.
        code: whether the present code made the run, another one, or which is not recorded; nothing is damaged by that.
    """

    n_asked: int
    n_complete: int
    n_begun: int
    n_others: int
    n_checkpoints: int
    damaged: tuple[str, ...]
    summary: str
    left_over: tuple[Path, ...]
    code: str = ""


def verify(path: Path, experiment: type[Experiment] | None = None) -> Verification:
    """Read everything that a run consists of, and check it.

    A unit is sound if its checksum is right, its arrays can be read, and it is the one that its name says; a summary if
    it says what is calculated from the units again; a figure if every part of its file has its checksum.

    Args:
        path: where the run is.
        experiment: class of its experiment, where it is a user's own; without it only a summary that was written
            without it is compared.

    Raises:
        FileNotFoundError: no run there.
        ValueError: the run's description, or the file of a condensed run, is damaged.
    """
    run: Run[Any] = Run(path, experiment=experiment)
    found = _verify_condensed(run) if run.is_condensed else _verify_folder(run, RunDirectory(path))
    return replace(found, code=bits.made_by(run.description.get("sessions")))


def _verify_folder(run: Run[Any], directory: RunDirectory) -> Verification:
    asked = {directory.unit_path(run.identity(member)).name: member.point.n_steps for member in run.asked}
    damaged: list[str] = []
    n_complete = n_begun = n_others = 0
    for file in directory.unit_files():
        try:
            unit, identity = directory.unit_in(file)
            if unit_name(identity) != file.name.partition(".")[0]:
                raise ValueError(f"{file} holds another unit than its name says")
        except (ValueError, OSError) as error:
            damaged.append(str(error))
            continue
        n_others += file.name not in asked
        n_complete += file.name in asked and unit.end >= asked[file.name]
        n_begun += file.name in asked and unit.end < asked[file.name]
    if isinstance(run.request.dataset, OwnData):
        try:
            refuse_damaged(directory.path, run.request.dataset)
        except (ValueError, OSError) as error:
            damaged.append(str(error))
    n_checkpoints = 0
    for checkpoint in directory.checkpoints():
        problem = checkpoint if isinstance(checkpoint, ValueError) else _wrong_with(checkpoint)
        damaged += [] if problem is None else [str(problem)]
        n_checkpoints += problem is None
    here = directory.path.resolve()
    left_over = (*placing.left_over(directory.path), *placing.left_over(here.parent, here.name + SUFFIX))
    whole = n_complete == len(asked)
    wrong, summary = _summary(run) if whole else ([], "not compared, as units are missing or damaged")
    damaged += [*wrong, *_figures(directory.path)]
    return Verification(len(asked), n_complete, n_begun, n_others, n_checkpoints, tuple(damaged), summary, left_over)


def _wrong_with(checkpoint: Checkpoint) -> ValueError | None:
    try:
        value, _ = files.read(checkpoint.path)
    except FileNotFoundError:  # whoever worked on it is done with it
        return None
    except ValueError as error:
        return error
    n = len(value if isinstance(value, Ensemble) else value.ensemble)
    if n != len(checkpoint.ends):
        return ValueError(f"{checkpoint.path} must hold {len(checkpoint.ends)} replicas, but holds {n}")
    return None


def _summary(run: Run[Any]) -> tuple[list[str], str]:
    """Problems of the summary of a run with all its units, and a short text about it."""
    wanted = summary_files(run)
    present = [name for name in wanted if (run.path / name).is_file()]
    there = {name: placing.read_bytes(run.path / name, strict.MOST_BYTES) for name in present}
    others = [name for name, content in there.items() if not _says_the_same(name, content, wanted[name])]
    if others and run.request.generic:
        return (
            [],
            f"not compared: the class of {run.request.experiment} wrote it; --experiment FILE.py:CLASS compares it",
        )
    older = {name: lacks for name in others if (lacks := _lacking(name, there[name], wanted[name]))}
    others = [name for name in others if name not in older]
    wrong = [f"{run.path / name} is damaged or old: it does not say what the units say" for name in others]
    absent = [name for name in wanted if name not in there]
    nearly = [n for n, content in there.items() if n not in others and n not in older and content != wanted[n]]
    found = f"{len(there) - len(wrong)} of {len(wanted)} files say what the units say"
    found += "".join(f"; {name} is older: lacks {', '.join(lacks)}" for name, lacks in older.items())
    found += f"; {' and '.join(nearly)} but for last digits, as another machine may write them" if nearly else ""
    return wrong, found + (f"; {' and '.join(absent)} not there" if absent else "")


def _says_the_same(name: str, found: bytes, wanted: bytes) -> bool:
    """To the last digits, which may be another machine's: its libraries sum in another order."""
    if found == wanted:
        return True
    try:
        return _alike(_parsed(name, found), _parsed(name, wanted))
    except (ValueError, csv.Error):
        return False


def _lacking(name: str, found: bytes, wanted: bytes) -> list[str]:
    """Whole columns and tables that a summary lacks which else says the same: an older version wrote none of them."""
    try:
        here, whole = (_tables(name, content) for content in (found, wanted))
        known = {table: _columns(rows) for table, rows in here.items()}
        missing = [table for table in whole if table not in here]
        missing += [column for table in known for column in _columns(whole[table]) if column not in known[table]]
        kept = {
            table: [{key: row[key] for key in row if key in known[table]} for row in whole[table]] for table in known
        }
        return missing if here and _alike(here, kept) else []
    except (ValueError, TypeError, KeyError, AttributeError, csv.Error):  # no table at all
        return []


def _tables(name: str, content: bytes) -> dict[str, list[dict[str, Any]]]:
    if name.endswith(".json"):
        return dict(_parsed(name, content))
    head, *rows = _parsed(name, content)
    return {"": [dict(zip(head, row, strict=True)) for row in rows]}


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _parsed(name: str, content: bytes) -> Any:
    text = content.decode()
    return strict.parsed(text) if name.endswith(".json") else list(csv.reader(text.splitlines(), strict=True))


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    if a == b:
        return True
    try:
        return math.isclose(float(a), float(b), rel_tol=_SAME_DIGITS)
    except (TypeError, ValueError):
        return False


_SAME_DIGITS: Final = 1e-9


_LARGEST_PICTURE: Final = 2**28


def _figures(folder: Path) -> list[str]:
    """Pictures that cannot be whole; what they show is not looked at."""
    return [
        f"{path} is damaged: it is no whole picture; glassnet figures {shlex.quote(str(folder))} draws it again"
        for path in sorted((folder / "figures").glob("*.png"))
        if not path.is_file() or not _is_whole(placing.read_bytes(path, _LARGEST_PICTURE))
    ]


def _is_whole(png: bytes) -> bool:
    """Whether every chunk of a PNG has its checksum, to the last."""
    at, kind = 8, b""
    if png[:at] != b"\x89PNG\r\n\x1a\n":
        return False
    while at < len(png) and kind != b"IEND":
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        kind = png[at + 4 : at + 8]
        if png[end : end + 4] != zlib.crc32(png[at + 4 : end]).to_bytes(4, "big"):
            return False
        at = end + 4
    return kind == b"IEND" and at == len(png)


def _verify_condensed(run: Run[Any]) -> Verification:
    damaged = []
    for member in run.members:
        try:
            run.unit(member)
        except ValueError as error:
            damaged.append(str(error))
    n = len(run.members) - len(damaged)
    asked = [run.identity(member) for member in run.asked]
    files_of = [run.path] if run.path.is_file() else [path for path, _ in pieces_in(run.path)]
    n_others = 0
    for path in files_of:
        try:
            n_others += CondensedRun(path).read_others(asked)
        except ValueError as error:
            damaged.append(str(error))
    left_over = tuple(part for path in files_of for part in placing.left_over(path.parent, path.name))
    return Verification(len(run.asked), n, 0, n_others, 0, tuple(damaged), "not in a condensed run", left_over)

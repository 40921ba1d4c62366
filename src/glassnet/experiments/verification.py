"""Look at every byte of a run and say what is sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassnet.experiments.own_data import OwnData, refuse_damaged
from glassnet.experiments.view import Run
from glassnet.store import files
from glassnet.store.directory import RunDirectory, unit_name


@dataclass(frozen=True)
class Verification:
    """What was found in a run.

    Args:
        n_asked: units that the run asks for.
        n_complete: those of them that are there, whole and sound.
        n_begun: those that are there and sound, but end early: a shorter run made them.
        n_others: sound units that the run does not ask for (any more).
        n_checkpoints: sound states of work in progress.
        damaged: what is wrong, each naming its file; what is damaged is made again when the run is gone on with.
        left_over: files that a killed process left half written; nothing reads them.
    """

    n_asked: int
    n_complete: int
    n_begun: int
    n_others: int
    n_checkpoints: int
    damaged: tuple[str, ...]
    left_over: tuple[Path, ...]


def verify(path: Path) -> Verification:
    """Read everything that a run consists of, and check it.

    A unit is sound if its checksum is right, its arrays can be read, and it is the one that its name says.

    Raises:
        FileNotFoundError: no run there.
        ValueError: the run's description, or the file of a condensed run, is damaged.
    """
    run: Run[Any] = Run(path)
    return _verify_condensed(run) if path.is_file() else _verify_folder(run, RunDirectory(path))


def _verify_folder(run: Run[Any], directory: RunDirectory) -> Verification:
    asked = {directory.unit_path(run.identity(member)).name: member.point.n_steps for member in run.asked}
    damaged: list[str] = []
    n_complete = n_begun = n_others = 0
    for file in directory.unit_files():
        try:
            _, header = files.read(file)
            if unit_name(header["identity"]) != file.name.partition(".")[0]:
                raise ValueError(f"{file} holds another unit than its name says")
        except (ValueError, OSError) as error:
            damaged.append(str(error))
            continue
        except KeyError as error:
            damaged.append(f"{file} has no {error} in its header")
            continue
        n_others += file.name not in asked
        n_complete += file.name in asked and header["end"] >= asked[file.name]
        n_begun += file.name in asked and header["end"] < asked[file.name]
    if isinstance(run.request.dataset, OwnData):
        try:
            refuse_damaged(directory.path, run.request.dataset)
        except ValueError as error:
            damaged.append(str(error))
    checkpoints = list(directory.checkpoints())
    damaged += [str(found) for found in checkpoints if isinstance(found, ValueError)]
    n_checkpoints = sum(not isinstance(found, ValueError) for found in checkpoints)
    left_over = tuple(sorted(directory.path.rglob("*.part")))
    return Verification(len(asked), n_complete, n_begun, n_others, n_checkpoints, tuple(damaged), left_over)


def _verify_condensed(run: Run[Any]) -> Verification:
    damaged = []
    for member in run.members:
        try:
            run.unit(member)
        except ValueError as error:
            damaged.append(str(error))
    n = len(run.members) - len(damaged)
    return Verification(len(run.asked), n, 0, 0, 0, tuple(damaged), ())

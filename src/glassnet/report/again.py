"""The commands that make a run again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from glassnet.report.saved import SavedRecord
from glassnet.runs.commands import called, command
from glassnet.runs.own_data import FILE
from glassnet.runs.registry import is_file
from glassnet.runs.run import Run

GIVEN_DATA: Final = "DATA.npz"
"""Name of the data file in commands for a condensed run, which holds no data."""


def commands(run: Run[Any]) -> list[tuple[str, str]]:
    """The commands that make a run again, draw it and check it: the purpose of each, and the command.

    A run on a user's own data names the copy of them in its folder, or a file called as given data are where the run
    is condensed and has none. A user's own experiment whose class is not at hand cannot be made again.
    """
    path = shlex.join([str(run.path), *_class_of(run)])
    data = GIVEN_DATA if run.is_condensed else str(run.path / FILE)
    made = [] if run.request.generic else [("Make it again", command(run.request, data=data))]
    if run.missing and not run.is_condensed:
        made.append(("Make what it lacks", f"glassnet resume {path}"))
    made.append(("Draw its figures as files", f"glassnet figures {path}"))
    made.append(("Check every byte of it", f"glassnet verify {path}"))
    return made


def of_the_report(runs: Sequence[Run[Any] | SavedRecord], file: Path) -> str:
    """The command that writes this very page."""
    own = next((words for run in runs if isinstance(run, Run) and (words := _class_of(run))), [])
    return shlex.join(["glassnet", "report", *(str(run.path) for run in runs), *own, "--output", str(file)])


def _class_of(run: Run[Any]) -> list[str]:
    """The option that names the class of a user's own experiment, which no run's file does."""
    name = called(run.request)
    return ["--experiment", name] if is_file(name) else []

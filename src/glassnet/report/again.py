"""The commands that make a run again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from glassnet.paper.claims.commands import FROM_THE_FILE, SHOWN, made_by, option, setting
from glassnet.paper.claims.evidence import phase_of
from glassnet.paper.experiments.ageing import Ageing
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.requests import KINDS, request
from glassnet.paper.scales import SCALES
from glassnet.report.saved import SavedRecord
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import FILE, OwnData
from glassnet.runs.run import Run
from glassnet.runs.training import like

GIVEN_DATA: Final = "DATA.npz"
"""What stands in commands for the data of a condensed run."""


def commands(run: Run[Any]) -> list[tuple[str, str]]:
    """What each is for, and the command."""
    asked, path = run.request, shlex.quote(str(run.path))
    made = [("Make it again", command(asked, run.path))]
    if run.missing and run.path.is_dir():
        made.append(("Make what it lacks", f"glassnet resume {path}"))
    made.append(("Draw its figures as files", f"glassnet figures {path}"))
    made.append(("Check every byte of it", f"glassnet verify {path}"))
    return made


def command(asked: Any, path: Path) -> str:
    """The command of a request, from the variant and scale that need the fewest numbers beside them.

    A run on a user's own data names the copy of them in its folder, ``path``, or one called as given data are where
    the run is condensed and has none.
    """
    own, dataset = isinstance(asked.dataset, OwnData), like(asked.dataset)
    is_relaxation = isinstance(asked, Relaxation) and not isinstance(asked, Ageing)
    if is_relaxation and not own and (phase := phase_of(asked)) is not None:
        return made_by(asked, phase)
    kind = KINDS[asked.experiment]
    found = []
    for variant in kind.variants or ("",):
        for scale in SCALES:
            try:
                named = request(asked.experiment, variant, dataset, scale)
            except ValueError:  # not every phase has every experiment
                continue
            found.append((_changes(asked, named), variant, scale))
    changes, variant, scale = min(found, key=lambda one: len(one[0]))
    parts = ["glassnet", "run", asked.experiment]
    parts += [f"--{kind.option}", variant] if variant else []
    data = str(path / FILE) if path.is_dir() else GIVEN_DATA
    parts += ["--data", data, "--inputs", "given", "--components", "all"] if own else []
    parts += [] if dataset == "mnist" else ["--dataset", dataset]
    parts += ["--scale", scale]
    for name, value in changes.items():
        parts += option(name, value) if is_relaxation else setting(name, value)
    given = asked.numbers.get("quenched")
    return shlex.join([*parts, *(["--quenched", "QUENCHED.zip"] if given else [])])


_FROM_THE_DATA: Final = ("dataset", "inputs", "samples")


def _changes(asked: Experiment, named: Experiment) -> dict[str, Any]:
    given = asked.numbers.get("quenched") is not None
    own = isinstance(asked.numbers["dataset"], dict)
    theirs = named.numbers
    return {
        name: value
        for name, value in asked.numbers.items()
        if value != theirs[name]
        and name not in SHOWN
        and not (given and name in FROM_THE_FILE)
        and not (own and name in _FROM_THE_DATA)
    }


def of_the_report(runs: Sequence[Run[Any] | SavedRecord], file: Path) -> str:
    """The command that writes this very page."""
    return shlex.join(["glassnet", "report", *(str(run.path) for run in runs), "--output", str(file)])

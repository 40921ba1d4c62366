"""The commands that make a run again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from glassnet.claims.commands import OPTIONS, made_by
from glassnet.claims.evidence import phase_of
from glassnet.experiments import SCALES, Ageing, Experiment, Relaxation, Run
from glassnet.experiments.requests import KINDS, request


def commands(run: Run[Any]) -> list[tuple[str, str]]:
    """What each is for, and the command."""
    asked, path = run.request, shlex.quote(str(run.path))
    made = [("Make it again", command(asked))]
    if run.missing and run.path.is_dir():
        made.append(("Make what it lacks", f"glassnet resume {path}"))
    made.append(("Draw its figures as files", f"glassnet figures {path}"))
    made.append(("Check every byte of it", f"glassnet verify {path}"))
    return made


def command(asked: Experiment) -> str:
    """The command of a request, from the variant and scale that need the fewest numbers beside them."""
    if isinstance(asked, Relaxation) and not isinstance(asked, Ageing) and (phase := phase_of(asked)) is not None:
        return made_by(asked, phase)
    kind = KINDS[asked.experiment]
    dataset = asked.numbers["dataset"]
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
    parts += [] if dataset == "mnist" else ["--dataset", dataset]
    parts += ["--scale", scale]
    parts += [part for name, value in changes.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    given = asked.numbers.get("quenched")
    return shlex.join([*parts, *(["--quenched", "QUENCHED.zip"] if given else [])])


def unsaid(asked: Experiment, said: str) -> dict[str, Any]:
    """Numbers of a request that its command has no option for, and that are not those of the scale it names."""
    words = shlex.split(said)
    if words[2] != Relaxation.experiment:
        return {}
    phase, scale = (words[words.index(option) + 1] for option in ("--phase", "--scale"))
    named = request(Relaxation.experiment, phase, asked.numbers["dataset"], scale)
    return {name: value for name, value in _changes(asked, named).items() if name not in (*OPTIONS, *_SHOWN)}


_SHOWN: Final = ("shown_chi", "shown_waiting_time", "skin")
"""Numbers that nothing stored depends on, and the one that has an option of another form."""

_FROM_THE_FILE: Final = ("quenched", "epochs", "stop_loss", "check_epochs")
"""Numbers that given replicas bring with them."""


def _changes(asked: Experiment, named: Experiment) -> dict[str, Any]:
    given = asked.numbers.get("quenched") is not None
    theirs = named.numbers
    return {
        name: value
        for name, value in asked.numbers.items()
        if value != theirs[name] and not (given and name in _FROM_THE_FILE)
    }


def of_the_report(runs: Sequence[Run[Any]], file: Path) -> str:
    """The command that writes this very page."""
    return shlex.join(["glassnet", "report", *(str(run.path) for run in runs), "--output", str(file)])

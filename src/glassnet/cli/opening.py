"""Open runs as options say: with the class of a user's own experiment, and what is looked at."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from glassnet.cli.working import is_ours
from glassnet.runs import registry

if TYPE_CHECKING:
    from glassnet.runs.experiment import Experiment
    from glassnet.runs.run import Run

OwnClass = Annotated[
    str | None,
    typer.Option(
        "--experiment",
        metavar="FILE.py:CLASS",
        help="Class of the run's experiment, where it stands in a file of your own.",
        show_default=False,
    ),
]


def _shown(about: str) -> Any:
    text = f"{about} at which the run is shown, one that was recorded; the experiment's usual one by default."
    return typer.Option(help=text, show_default=False, rich_help_panel="What is looked at")


class Looking(NamedTuple):
    """The look at a run, as the options say; None for the usual."""

    chi: Annotated[float | None, _shown("Sensitivity chi of the overlap")] = None
    waiting_time: Annotated[int | None, _shown("Waiting time t_w, in steps,")] = None
    temperature: Annotated[float | None, _shown("Temperature T")] = None


def experiment_in(spec: str) -> type[Experiment]:
    """The experiment that a name or ``FILE.py:CLASS`` stands for.

    Raises:
        ValueError: there is none, or its file cannot be run, with the line that fails.
        FileNotFoundError: no such file.
    """
    if ":" not in spec and not spec.endswith(".py"):
        return registry.known(spec)
    try:
        return registry.in_file(spec)
    except (Exception, SystemExit) as error:
        file = Path(spec.rpartition(":")[0]).absolute()
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename).absolute() == file]
        if is_ours(error) and not lines:
            raise
        line, said = (error.lineno, error.msg) if isinstance(error, SyntaxError) else ([None, *lines][-1], error)
        raise ValueError(f"{spec} cannot be used: {type(error).__name__}: {said} (line {line})") from None


def opened(path: Path, experiment: str | None = None, looking: Looking | None = None) -> Run[Any]:
    """The run at a path, as it is looked at.

    Raises:
        FileNotFoundError: no run there.
        ValueError: it is damaged or of another experiment, or what is to be looked at was not recorded.
    """
    from glassnet.runs.run import open_run

    run = open_run(path, experiment=None if experiment is None else experiment_in(experiment))
    return run if looking is None else run.showing(**looking._asdict())


def looked_at(runs: Sequence[Any], looking: Looking) -> list[Any]:
    """Several runs, each as it is looked at where it recorded what is chosen, and else in its usual way.

    Raises:
        ValueError: no run recorded it.
    """
    chosen: list[dict[str, Any]] = [{} for _ in runs]
    for name, value in looking._asdict().items():
        problems = []
        for run, mine in zip(runs, chosen, strict=True):
            try:
                if value is not None and hasattr(run, "showing"):
                    run.showing(**{name: value})
                    mine[name] = value
            except ValueError as error:
                problems.append(error)
        if value is not None and not any(name in mine for mine in chosen):
            raise problems[0] if problems else ValueError(f"{name} must not be given for saved records")
    return [run.showing(**mine) if mine else run for run, mine in zip(runs, chosen, strict=True)]

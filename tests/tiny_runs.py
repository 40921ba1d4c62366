"""Runs of a second, and what several test modules do with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import DataLike
from glassnet.runs.plan import Plan, plan
from glassnet.runs.run import Run, open_run
from glassnet.runs.runner import Update, run
from glassnet.runs.starting import begin
from glassnet.simulate.ensemble import Ensemble
from glassnet.store import RunDirectory

TINY: dict[str, Any] = {
    "samples": 200,
    "width": 4,
    "epochs": 20,
    "replicas": 2,
    "temperatures": [0.1, 0.0],
    "waiting_times": [3, 10],
    "t_max": 40,
    "chi": [30, 300],
}


def tiny(**changes: Any) -> Relaxation:
    """A relaxation of six units."""
    return preset("regularised", changes={**TINY, **changes})


def preset(phase: str, dataset: DataLike = "mnist", scale: str = "demo", changes: Any = None) -> Relaxation:
    """The relaxation of a phase of a data set."""
    return Relaxation.preset(dataset, scale, changes, phase=phase)


def planned(request: Experiment, path: Path) -> Plan:
    """What is missing."""
    return plan(request.points(), request.replicas, request.make_engine(), RunDirectory(path))


def make(
    request: Experiment,
    path: Path,
    on_update: Callable[[Update], None] = lambda update: None,
    given: Ensemble | None = None,
) -> Run[Any]:
    """Make what is missing, with a checkpoint as often as can be."""
    work, engine, directory = planned(request, path), request.make_engine(), RunDirectory(path)
    begin(directory, request, engine, to_work=True)
    run(work, engine, directory, given=given, on_update=on_update, checkpoint_every=0.0)
    return open_run(path)


def units(path: Path) -> dict[str, bytes]:
    """Every unit's file."""
    return {p.name: p.read_bytes() for p in sorted((path / "units").iterdir())}


def rows(found: Run[Any], table: str) -> list[dict[str, Any]]:
    """The rows of one of a run's tables, by its name in summary.json."""
    return next(list(one.rows) for one in found.request.tables(found) if one.name == table)

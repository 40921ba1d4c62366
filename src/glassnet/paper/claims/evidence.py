"""Evidence for claims: runs as they stand on the disk, the largest of each kind."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import xarray as xr

from glassnet.analysis.measured import Measured
from glassnet.paper.claims.claim import Basis, Finding
from glassnet.paper.claims.commands import STEP_SIZE, quench_file, relaxation, scale_of
from glassnet.paper.claims.relaxed import Relaxed
from glassnet.paper.experiments.phase_diagram import losses
from glassnet.paper.numbers import PhaseName, phase_at
from glassnet.runs.commands import command
from glassnet.runs.experiment import Experiment
from glassnet.runs.run import Run, open_run, run_paths
from glassnet.simulate.record import Record

_MNIST: Final = "mnist"
_RELAXATIONS: Final = ("relaxation", "ageing")
_LEAST_WARM: Final = 2
"""Temperatures above 0 that a relaxation needs to be one; the long runs are made one temperature at a time."""


@dataclass(frozen=True, eq=False)
class Losses:
    """Final losses of networks at several widths and l2.

    Args:
        table: as :func:`glassnet.paper.experiments.phase_diagram.losses` gives it, with the attribute ``dataset``.
        basis: the run.
    """

    table: xr.Dataset
    basis: Basis


@dataclass(frozen=True, eq=False)
class Measurements:
    """Records of one experiment by what tells them apart.

    Args:
        records: by (sampling, batch size) for SGD's displacement, by (temperature, learning rate) for the step size.
        l2: of all of them.
        quench_steps: of the SGD before.
        basis: the run.
    """

    records: Mapping[Any, Record]
    l2: float
    quench_steps: int
    basis: Basis


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that there is to judge by.

    Args:
        relaxations: by (data set, phase).
        depths: of the overparameterised phase of MNIST, those that other quenches ended sooner or later.
        losses: phase diagrams, any number.
        sweeps: lambda_unique, lambda_c and lambda_end, by name, from networks carried up and down in l2.
        sgd: displacements under SGD, regularised.
        steps: displacements with smaller steps, by phase.
    """

    relaxations: Mapping[tuple[str, str], Relaxed] = field(default_factory=dict)
    depths: tuple[Relaxed, ...] = ()
    losses: tuple[Losses, ...] = ()
    sweeps: Mapping[str, tuple[Measured, Basis]] = field(default_factory=dict)
    sgd: Measurements | None = None
    steps: Mapping[str, Measurements] = field(default_factory=dict)

    def relaxed(self, phase: str, dataset: str = "mnist") -> Relaxed | None:
        """The relaxation of a phase of a data set, None if there is none."""
        return self.relaxations.get((dataset, phase))


def missing(phase: str, dataset: str = "mnist", scale: str = "laptop") -> Finding:
    """The finding on a phase without any run."""
    return Finding("undecided", f"no run of {dataset}, {phase}", decides=relaxation(phase, dataset, scale))


def open_runs(
    folders: Iterable[str | os.PathLike[str]],
    on_bad: Callable[[Path, Exception], None] | None = None,
    *,
    experiment: type[Experiment] | None = None,
) -> list[Run[Any]]:
    """The runs that the paths are or hold, condensed ones among them.

    Args:
        folders: runs, or folders that hold some.
        on_bad: told of each run of such a folder that is damaged, and of why; it is left out. None to refuse it.
        experiment: a user's own class, for those of the runs that are of it.

    Raises:
        ValueError: a folder without any, or a damaged run.
    """
    found: list[Run[Any]] = []
    for folder in map(Path, folders):
        paths = run_paths(folder)
        if not paths:
            what = "holds none" if folder.exists() else "is not there"
            raise ValueError(
                f"runs must be folders of runs, condensed runs, or folders that hold some, but {folder} {what}"
            )
        alone = paths == [folder]
        for path in paths:
            try:
                run = _opened(path, experiment)
                if on_bad is not None and not alone:
                    _ = run.done  # every unit's checksum is looked at
                found.append(run)
            except (ValueError, OSError) as error:
                if on_bad is None or alone:
                    raise
                on_bad(path, error)
    return found


def _opened(path: Path, experiment: type[Experiment] | None) -> Run[Any]:
    """A run, with a class if it is of that."""
    if experiment is None:
        return open_run(path)
    try:
        run: Run[Any] = open_run(path)
    except ValueError:  # only its class can read it
        return open_run(path, experiment=experiment)
    is_of_it = run.request.experiment == experiment.experiment
    return open_run(path, experiment=experiment) if is_of_it else run


def gather(runs: Iterable[Run[Any]]) -> Evidence:
    """Evidence from runs: of several of one kind the largest, but every phase diagram.

    Runs with other inputs, depth, precision or learning rates than the paper's are left out.
    """
    ordered = sorted((run for run in runs if why_left_out(run) is None), key=_size, reverse=True)

    def heard(*experiments: str) -> dict[tuple[str, str], list[Run[Any]]]:
        """The runs of each data set and phase, the largest first."""
        found: dict[tuple[str, str], list[Run[Any]]] = {}
        for run in ordered:
            request = run.request
            if request.experiment in experiments and run.records and (phase := phase_of(request)) is not None:
                found.setdefault((str(request.dataset), phase), []).append(run)
        return found

    def measured(experiment: str) -> dict[str, Measurements]:
        return {phase: _measurements(some[0], phase) for (of, phase), some in heard(experiment).items() if of == _MNIST}

    relaxations = heard(*_RELAXATIONS)
    # Runs from the same quench have the same depth.
    every = reversed(relaxations.get((_MNIST, "overparameterised"), []))
    over = {_quench_of(run): run for run in every if _has_temperatures(run.request)}
    return Evidence(
        relaxations={(of, phase): _relaxed(some[0], phase) for (of, phase), some in relaxations.items()},
        depths=tuple(_relaxed(run, "overparameterised") for run in over.values()),
        losses=tuple(_losses(run) for run in ordered if run.request.experiment == "phase_diagram"),
        sweeps=next((sweeps(run) for run in ordered if _is_sweep(run)), {}),
        sgd=measured("sgd_displacement").get("regularised"),
        steps=measured(STEP_SIZE),
    )


def why_left_out(run: Run[Any]) -> str | None:
    """Why a run says nothing of the claims, in words; None where it may be heard.

    Networks other than the paper's may be looked at, but its claims are not about them.
    """
    if not run.done:
        return "nothing of it is done"
    numbers = run.request.numbers
    if isinstance(numbers.get("dataset"), dict):
        return "the claims are about MNIST and CIFAR-10, this is about own data"
    usual = {"inputs": "standardised", "dtype": "float64", "quench_rate": 1e-3, "learning_rate": 1e-3, "depth": 6}
    for name, value in usual.items():
        if numbers.get(name, value) != value:
            return f"the claims are about {name} = {value}, this has {numbers[name]}"
    return None


def phase_of(request: Any) -> PhaseName | None:
    """Which phase a request's numbers lie in, by the paper's transitions; None in the quadratic phase."""
    return phase_at(request.l2, request.quench.surface.network.n_weights / request.samples)


def _has_temperatures(request: Any) -> bool:
    return len([one for one in request.temperatures if one > 0]) >= _LEAST_WARM


def _quench_of(run: Run[Any]) -> str:
    return str([run.request.numbers.get(one) for one in ("epochs", "stop_loss", "quenched", "seed", "samples")])


def _size(run: Run[Any]) -> tuple[int, int, int, int, int, int]:
    """Key that sorts runs by size; one that lacks a measurement comes after all that do not.

    A relaxation at T = 0 and little else lacks the others.
    """
    request = run.request
    labels = {label for label, _ in run.done}
    complete = all(point.label in labels for point in request.points())
    if request.experiment in _RELAXATIONS:
        complete &= _has_temperatures(request)
    own = int(request.experiment == "relaxation")  # ageing looks at units of relaxation
    epochs = request.epochs if "quenched" in request.numbers else 0
    return int(complete), request.samples, getattr(request, "t_max", 0), epochs, len(run.done), own


def _relaxed(run: Run[Any], phase: str) -> Relaxed:
    request = run.request
    return Relaxed(
        dataset=str(request.dataset),
        phase=phase,
        scale=scale_of(request),
        command=command(request, quenched=quench_file(request, phase)),
        request=request,
        record=run.record,
        **run.look.at,
        quenched=run.quenched,
        landscape=request.quench.surface.landscape,
    )


def _losses(run: Run[Any]) -> Losses:
    table = losses(run)
    # What is not done has no number here; losses of what diverged need not be finite.
    ends = table["alive"].stack(network=[d for d in table["alive"].dims if d != "origin"])
    seen, gone = ends.notnull().any("network"), (ends == 0).any("network")
    return Losses(table, Basis(scale_of(run.request), int(seen.sum()), int(gone.sum()), command(run.request)))


def _is_sweep(run: Run[Any]) -> bool:
    return bool(run.request.experiment == "hysteresis" and run.request.dataset == _MNIST)


def sweeps(run: Run[Any]) -> dict[str, tuple[Measured, Basis]]:
    """Transitions of networks that were carried up and down in l2, by name: their places, or bounds."""
    tables: list[Any] = run.request.tables(run)
    rows = next(table.rows for table in tables if table.name == "transitions")
    ends = [found for point in run.request.points() for found in run.results(point).items()]
    gone = {origin for origin, found in ends if found.get("alive") == 0.0}
    basis = Basis(scale_of(run.request), run.request.replicas, len(gone), command(run.request))

    def known(row: Mapping[str, Any]) -> Measured:
        ends = {"value": math.nan, "low": 0.0, "high": math.inf}  # a bound may be all that is known
        found = {name: other if row[name] is None else row[name] for name, other in ends.items()}
        return Measured(**found, n_origins=row["n_origins"])

    reached = (row for row in rows if any(row[name] is not None for name in ("value", "low", "high")))
    return {row["name"]: (known(row), basis) for row in reached}


def _measurements(run: Run[Any], phase: str) -> Measurements:
    request, records = run.request, run.records
    origins = set().union(*(record.ensemble.origin.tolist() for record in records.values()))
    gone = set().union(*(record.ensemble.origin[~record.ensemble.alive].tolist() for record in records.values()))
    made = command(request, quenched=quench_file(request, phase))
    basis = Basis(scale_of(request), len(origins), len(gone), made)
    return Measurements(records, request.l2, request.epochs * request.epoch, basis)

"""The commands of all experiments but relaxation."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glassnet.cli.data import Own, chosen, with_own_data
from glassnet.cli.numbers import ExperimentCommand, Set, parsed
from glassnet.cli.workers import ClusterName, SchedulerAddress, Where, WorkerCount
from glassnet.cli.working import RUNS, read_ensemble, refusing, run_in

if TYPE_CHECKING:
    from glassnet.runs.experiment import Experiment
    from glassnet.simulate.ensemble import Ensemble

Scale = Annotated[str, typer.Option(help="demo, laptop, workstation or paper")]
DataSet = Annotated[str, typer.Option(help="mnist or cifar10")]
Phase = Annotated[str, typer.Option(help="regularised, underparameterised or overparameterised")]
Output = Annotated[
    Path | None, typer.Option(help="Folder of the run; runs/EXPERIMENT-... by default.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")]
Threads = Annotated[int | None, typer.Option(help="One a core by default, on workers one a task.")]
QuenchedFile = Annotated[
    Path | None,
    typer.Option(help="File of quenched replicas, as glassnet.save writes it, to start from.", show_default=False),
]
Every = Annotated[float, typer.Option(help="Seconds between checkpoints.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("phase_diagram", phase_diagram),
        ("ageing", ageing),
        ("sgd_displacement", sgd_displacement),
        ("minima", minima),
        ("protocol", protocol),
        ("step_size", step_size),
    ):
        app.command(name, cls=ExperimentCommand)(with_own_data(command))


def phase_diagram(
    part: Annotated[str, typer.Option(help="plane (Fig. 1a), width (1b, A3a) or l2 (1c, A3b)")] = "plane",
    scale: Scale = "demo",
    dataset: DataSet = "mnist",
    *,
    own: Own,
    output: Output = None,
    dry_run: DryRun = False,
    threads: Threads = None,
    changes: Set = None,
    checkpoint_every: Every = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Losses of quenched networks over width and l2."""
    where = scheduler, cluster, workers
    _run("phase_diagram", part, dataset, own, scale, output, dry_run, threads, changes, checkpoint_every, where)


def ageing(
    phase: Phase = "regularised",
    waits: Annotated[str, typer.Option(help="paper, or scripts: the authors' other list of waiting times")] = "paper",
    scale: Scale = "demo",
    dataset: DataSet = "mnist",
    *,
    own: Own,
    output: Output = None,
    dry_run: DryRun = False,
    threads: Threads = None,
    changes: Set = None,
    quenched: QuenchedFile = None,
    checkpoint_every: Every = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Relaxation from several waiting times; a relaxation run beside it shares its work."""
    from glassnet.paper.experiments.ageing import ageing as build

    with refusing():
        numbers = parsed(changes)
        data, of = chosen(own, dataset, numbers.get("samples"), output)
        request, start = started(build(phase, data, scale, numbers, waits=waits), quenched, numbers)
    where = scheduler, cluster, workers
    folder = output or RUNS / f"ageing-{of}-{phase}-{waits}-{scale}-{request.hash[:8]}"
    run_in(
        folder,
        request,
        threads=threads,
        dry_run=dry_run,
        checkpoint_every=checkpoint_every,
        where=where,
        given=start,
    )


def sgd_displacement(
    scale: Scale = "demo",
    dataset: DataSet = "mnist",
    *,
    own: Own,
    output: Output = None,
    dry_run: DryRun = False,
    threads: Threads = None,
    changes: Set = None,
    quenched: QuenchedFile = None,
    checkpoint_every: Every = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Displacement under SGD at each batch size."""
    where = scheduler, cluster, workers
    _run(
        "sgd_displacement",
        "",
        dataset,
        own,
        scale,
        output,
        dry_run,
        threads,
        changes,
        checkpoint_every,
        where,
        quenched,
    )


def minima(
    scale: Scale = "demo",
    dataset: DataSet = "mnist",
    *,
    own: Own,
    output: Output = None,
    dry_run: DryRun = False,
    threads: Threads = None,
    changes: Set = None,
    checkpoint_every: Every = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Minima on both sides of the trivialisation transition, and the Hessian there."""
    where = scheduler, cluster, workers
    _run("minima", "", dataset, own, scale, output, dry_run, threads, changes, checkpoint_every, where)


def protocol(
    phase: Phase = "regularised",
    scale: Scale = "demo",
    dataset: DataSet = "mnist",
    *,
    own: Own,
    output: Output = None,
    dry_run: DryRun = False,
    threads: Threads = None,
    changes: Set = None,
    checkpoint_every: Every = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """The loss through quench, transient and measurement."""
    where = scheduler, cluster, workers
    _run("protocol", phase, dataset, own, scale, output, dry_run, threads, changes, checkpoint_every, where)


def step_size(
    phase: Phase = "regularised",
    scale: Scale = "demo",
    dataset: DataSet = "mnist",
    *,
    own: Own,
    output: Output = None,
    dry_run: DryRun = False,
    threads: Threads = None,
    changes: Set = None,
    quenched: QuenchedFile = None,
    checkpoint_every: Every = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Displacement of cold networks at smaller and smaller steps."""
    where = scheduler, cluster, workers
    _run("step_size", phase, dataset, own, scale, output, dry_run, threads, changes, checkpoint_every, where, quenched)


def _run(
    experiment: str,
    variant: str,
    dataset: str,
    own: Own,
    scale: str,
    output: Path | None,
    dry_run: bool,
    threads: int | None,
    changes: list[str] | None,
    checkpoint_every: float,
    where: Where,
    quenched: Path | None = None,
) -> None:
    from glassnet.paper.requests import request as build

    with refusing():
        numbers = parsed(changes)
        data, of = chosen(own, dataset, numbers.get("samples"), output)
        request, start = started(build(experiment, variant, data, scale, numbers), quenched, numbers)
    name = "-".join(part for part in (experiment, of, variant, scale, request.hash[:8]) if part)
    folder = output or RUNS / name
    run_in(
        folder,
        request,
        threads=threads,
        dry_run=dry_run,
        checkpoint_every=checkpoint_every,
        where=where,
        given=start,
    )


def started(request: Experiment, file: Path | None, fixed: Collection[str]) -> tuple[Experiment, Ensemble | None]:
    """The request as it starts from the replicas in a file, if one is given, and these.

    Raises:
        ValueError: the file holds no ensemble, or replicas that do not fit, also in the numbers ``fixed`` by the user.
    """
    from glassnet.runs.quench import Quenched, start_from

    if file is None:
        return request, None
    assert isinstance(request, Quenched)
    given = read_ensemble(file)
    return start_from(request, given, fixed), given


def started_again(request: Experiment, file: Path | None) -> Ensemble | None:
    """The replicas in a file, from which the request of a run that was begun starts.

    Raises:
        ValueError: the file holds no ensemble, or others than the run began with.
    """
    from glassnet.runs.quench import Quenched, taken

    if file is None:
        return None
    if not isinstance(request, Quenched) or request.quenched is None:
        raise ValueError(f"quenched must not be given for a run that begins at random weights, but got {file}")
    given = read_ensemble(file)
    for origin, wanted in enumerate(request.quenched):
        taken(given, origin, wanted, request.dtype)
    return given

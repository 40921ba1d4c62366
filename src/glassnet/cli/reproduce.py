"""``glassnet reproduce``: run what figures of the paper need, and draw them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glassnet.cli.experiments import DataSet, DryRun, Every, Scale, Threads, started
from glassnet.cli.workers import ClusterName, SchedulerAddress, WorkerCount, connected, place
from glassnet.cli.working import (
    complain,
    do,
    make_console,
    make_engine,
    refuse_too_large,
    refusing,
    say_refused,
    say_waiting,
    say_written,
    stopping,
)

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console

    from glassnet.cli.workers import Place
    from glassnet.engines import Engine
    from glassnet.ensemble import Ensemble
    from glassnet.experiments import Experiment
    from glassnet.experiments.plan import Plan
    from glassnet.experiments.reproduction import Need

    Asked = dict[Need, tuple[Experiment, Ensemble | None]]


def reproduce(
    figure: Annotated[list[str], typer.Argument(help="fig1a, fig3, figA4, ..., minima or all; see glassnet list")],
    scale: Scale = "demo",
    dataset: DataSet = "mnist",
    output: Annotated[Path, typer.Option(help="Folder of the runs and of figures/.")] = Path("reproduction"),
    dry_run: DryRun = False,
    threads: Threads = None,
    quenched: Annotated[
        Path | None,
        typer.Option(
            help="Folder of quenched replicas, DATASET-PHASE.zip, to start from where there are.", show_default=False
        ),
    ] = None,
    condensed: Annotated[
        Path | None,
        typer.Option(
            help="Folder of condensed runs, EXPERIMENT-DATASET-VARIANT-SCALE.run.zip, taken instead where there are.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--format", help="png or pdf; may be given twice.")] = None,
    checkpoint_every: Every = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Make what figures of the paper need, and draw them beside what the paper reports.

    Figures that need the same runs share them. Stopped at any moment, the same command goes on.
    """
    from glassnet import _check
    from glassnet.experiments import DATASETS, SCALES
    from glassnet.experiments.reproduction import choose, needs_of
    from glassnet.figures.style import check_formats

    formats = kind or ["png"]
    console = make_console()
    with refusing():
        _check.choice("scale", scale, SCALES)
        _check.choice("dataset", dataset, DATASETS)
        _check.number("checkpoint_every", checkpoint_every, positive=False)
        check_formats(formats)
        figures = choose(figure)
        for name, folder in (("quenched", quenched), ("condensed", condensed)):
            if folder is not None and not folder.is_dir():
                raise ValueError(f"{name} must be a folder, but got {folder}")
        needs = needs_of(figures, dataset)
        runs = {need: _condensed(need, scale, condensed) or output / need.folder(scale) for need in needs}
        asked = {need: _asked(need, scale, quenched) for need, run in runs.items() if not run.is_file()}
        elsewhere = place((scheduler, cluster, workers))
        makers = {need: make_engine(request, threads, elsewhere) for need, (request, _) in asked.items()}
        plans = _say_cost(console, asked, scale, output, threads, elsewhere)
        if dry_run:
            say_refused(lambda: _refuse_too_large(plans, makers, output, elsewhere))
            return
        _refuse_too_large(plans, makers, output, elsewhere)
    with refusing(), stopping(output):
        with connected(elsewhere if asked else None, console) as client:
            for need, (request, given) in asked.items():
                _make(console, output / need.folder(scale), request, given, makers[need], checkpoint_every, client)
        _draw(console, figures, runs, dataset, output, formats)


def _condensed(need: Need, scale: str, folder: Path | None) -> Path | None:
    """The file of the folder that holds the run that is needed."""
    from glassnet.experiments import open_run
    from glassnet.store.index import SUFFIX

    file = folder / (need.folder(scale) + SUFFIX) if folder is not None else None
    if file is None or not file.is_file():
        return None
    run, wanted = open_run(file), need.request(scale)
    if run.request.experiment != wanted.experiment:
        raise ValueError(f"{file} must hold {wanted.experiment}, but holds {run.request.experiment}")
    for name in _WHAT.intersection(wanted.numbers):
        found, asked = run.request.numbers[name], wanted.numbers[name]
        if not _holds(found, asked):
            least = " and nothing smaller" if isinstance(asked, list) else ""
            raise ValueError(f"{file} must hold {name} = {asked}{least}, but holds {found}")
    if run.missing:
        complain(f"{file} lacks {len(run.missing)} units of its run")
    return file


_WHAT = frozenset({"dataset", "samples", "width", "widths", "l2", "l2s"})
"""What a figure is of. How many replicas, how long, and at which temperatures is said in it."""


def _holds(found: Any, asked: Any) -> bool:
    """Whether a number of a run is the one asked for, or a list more than that: lines are drawn at the smallest."""
    if isinstance(asked, list):
        return set(asked) <= set(found) and min(found) == min(asked)
    return bool(found == asked)


def _asked(need: Need, scale: str, quenched: Path | None) -> tuple[Experiment, Ensemble | None]:
    """What is run for a need, and the replicas that it starts from, if the folder has them."""
    file = quenched / f"{need.dataset}-{need.phase}.zip" if quenched is not None and need.phase else None
    return started(need.request(scale), file if file is not None and file.is_file() else None, ())


def _say_cost(
    console: Console, asked: Asked, scale: str, output: Path, threads: int | None, elsewhere: Place | None
) -> dict[Need, Plan]:
    """A row a run, each without what runs before it will have made, and the sum; and the plans."""
    from glassnet.cli import tables
    from glassnet.experiments.cost import Speeds, cost, spread
    from glassnet.experiments.plan import plan
    from glassnet.experiments.starting import refuse_misfit
    from glassnet.store import RunDirectory
    from glassnet.store.directory import unit_name

    awaited: dict[str, int] = {}
    speeds: Speeds = {}
    plans: dict[Need, Plan] = {}
    rows = []
    n_workers, n_threads, seconds = *(elsewhere.threads() if elsewhere is not None else (0, 0)), 0.0
    with console.status("looking at what there is, and trying out what there is to do"):
        for need, (request, given) in asked.items():
            directory = RunDirectory(output / need.folder(scale))
            maker = request.make_engine(threads if elsewhere is None else None)
            refuse_misfit(directory, request, maker)
            work = plan(request.points(), request.replicas, maker, directory, awaited)
            rows.append((need.folder(scale), work, cost(work, maker, directory.path, speeds, given)))
            if elsewhere is not None:
                seconds += spread(work, make_engine(request, threads, elsewhere), directory.path, n_threads, given)
            for point in request.points():
                names = (unit_name(point.identity(origin, maker)) for origin in range(request.replicas))
                awaited |= dict.fromkeys(names, point.n_steps)
            plans[need] = work
    console.print(tables.totals(rows))
    if any(plans[need].blocks and given is None for need, (_, given) in asked.items()):
        console.print(_UNLEARNT, highlight=False)
    if elsewhere is not None:
        console.print(f"On workers: {tables.time_there(n_workers, n_threads, seconds)}", highlight=False)
    return plans


_UNLEARNT = (
    "Times are from a trial of each kind of step on networks that have not learnt. Rows that sleep once they have "
    "cost next to nothing: with zero loss it takes a small part of this."
)


def _refuse_too_large(
    plans: Mapping[Need, Plan], makers: Mapping[Need, Engine], output: Path, elsewhere: Place | None
) -> None:
    """Refuse them all before the first begins, if one is too large or the disk cannot hold all of them."""
    from glassnet.experiments.cost import refuse_too_much_disk

    for need, work in plans.items():
        refuse_too_large(work, makers[need], output, elsewhere)
    refuse_too_much_disk(output, *plans.values())


def _make(
    console: Console,
    folder: Path,
    request: Experiment,
    given: Ensemble | None,
    maker: Engine,
    checkpoint_every: float,
    client: Client | None,
) -> None:
    from glassnet.experiments.plan import plan
    from glassnet.experiments.starting import refuse_misfit
    from glassnet.store import RunDirectory

    directory = RunDirectory(folder)
    refuse_misfit(directory, request, maker)
    with directory.locked(say_waiting):
        work = plan(request.points(), request.replicas, maker, directory)
        for note in work.notes:
            complain(note)
        console.print(f"{folder.name}: ", end="", highlight=False, markup=False, soft_wrap=True)
        do(console, directory, request, maker, work, checkpoint_every, given, client)


def _draw(
    console: Console, figures: list[str], paths: dict[Need, Path], dataset: str, output: Path, formats: list[str]
) -> None:
    from glassnet.experiments import drawings, open_run
    from glassnet.experiments.reproduction import FIGURES, draw

    runs = {need: open_run(path) for need, path in paths.items()}
    written: list[Path] = []
    with console.status("drawing the figures"):
        for name in figures:
            abouts = [drawings.about(runs[need]) for need in FIGURES[name].needs(dataset)]
            about = "; ".join([FIGURES[name].about, *abouts])
            written += drawings.write(draw(name, dataset, runs), output / "figures", formats, about)
    say_written(console, output / "figures", written)

"""``glassnet reproduce``: run what figures of the paper need, and draw them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glassnet.cli.workers import Where, connected, placed
from glassnet.cli.working import (
    REFUSED,
    Making,
    complain,
    do,
    have_matplotlib,
    make_console,
    make_engine,
    read_ensemble,
    refuse_too_large,
    refusing,
    say_drawn,
    say_refused,
    say_unlocked,
    say_waiting,
    stopping,
)

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console

    from glassnet.cli.workers import Place
    from glassnet.engines import Engine
    from glassnet.paper.figures import Need
    from glassnet.runs.experiment import Experiment
    from glassnet.runs.plan import Plan
    from glassnet.simulate.ensemble import Ensemble

    Asked = dict[Need, tuple[Experiment, Ensemble | None]]


def reproduce(
    figure: Annotated[list[str], typer.Argument(help="fig1a, fig3, figA4, ..., minima or all; see glassnet list")],
    scale: Annotated[str, typer.Option(help="demo, laptop, workstation or paper")] = "demo",
    dataset: Annotated[str, typer.Option(help="mnist or cifar10")] = "mnist",
    output: Annotated[Path, typer.Option(help="Folder of the runs and of figures/.")] = Path("reproduction"),
    *,
    making: Making,
    quenched: Annotated[
        Path | None,
        typer.Option(
            help="Folder of quenched replicas, DATASET-PHASE.zip, to start from where there are.", show_default=False
        ),
    ] = None,
    condensed: Annotated[
        Path | None,
        typer.Option(
            help="Folder of condensed runs, EXPERIMENT-DATASET-VARIANT-SCALE.run.zip, or of folders of pieces with "
            "this name but for .run.zip, taken instead where there are; or of the pieces of one run.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--format", help="png or pdf; may be given twice.")] = None,
    where: Where,
) -> None:
    """Make what figures of the paper need, and draw them beside what the paper reports.

    Figures that need the same runs share them. Stopped at any moment, the same command goes on.
    """
    from glassnet import _check
    from glassnet.paper.scales import DATASETS, SCALES

    with refusing():
        have_matplotlib(output)
    from glassnet.figures.style import check_formats
    from glassnet.paper.figures import choose, needs_of

    formats = kind or ["png"]
    console = make_console()
    with refusing():
        _check.choice("scale", scale, SCALES)
        _check.choice("dataset", dataset, DATASETS)
        _check.number("checkpoint_every", making.checkpoint_every, positive=False)
        check_formats(formats)
        figures = choose(figure)
        for name, folder in (("quenched", quenched), ("condensed", condensed)):
            if folder is not None and not folder.is_dir():
                raise ValueError(f"{name} must be a folder, but got {folder}")
        needs = needs_of(figures, dataset)
        kept = {need: found for need in needs if (found := _condensed(need, scale, condensed)) is not None}
        runs = {need: kept.get(need, output / need.folder(scale)) for need in needs}
        asked = {need: _asked(need, scale, quenched) for need, run in runs.items() if run not in kept.values()}
        elsewhere = placed(where, console)
        makers = {need: make_engine(request, making.threads, elsewhere) for need, (request, _) in asked.items()}
        plans = _say_cost(console, asked, scale, output, making.threads, elsewhere)
        if making.dry_run:
            say_refused(lambda: _refuse_too_large(plans, makers, output, elsewhere))
            return
        _refuse_too_large(plans, makers, output, elsewhere)
    with refusing(), stopping(output):
        with connected(elsewhere if asked else None, console, output) as client:
            made = 0
            for need, (request, given) in asked.items():
                # What is wrong with one run is said, and the others are made.
                with suppress(typer.Exit), refusing():
                    _make(
                        console,
                        output / need.folder(scale),
                        request,
                        given,
                        makers[need],
                        making.checkpoint_every,
                        client,
                    )
                    made += 1
        if not _draw(console, figures, runs, dataset, output, formats) or made < len(asked):
            raise typer.Exit(REFUSED)


def _condensed(need: Need, scale: str, folder: Path | None) -> Path | None:
    """The condensed run that is needed: a file or folder of pieces in ``folder`` by its name, or ``folder`` itself."""
    from glassnet.runs.pieces import n_pieces
    from glassnet.runs.run import open_run
    from glassnet.store.index import SUFFIX

    if folder is None:
        return None
    wanted = need.request(scale)
    named = folder / (need.folder(scale) + SUFFIX), folder / need.folder(scale)
    file = next((path for path in named if path.is_file() or n_pieces(path)), None)
    if file is None:
        fits = n_pieces(folder) > 1 and _misfit(open_run(folder).request, wanted) is None
        return folder if fits else None
    run = open_run(file)
    if (difference := _misfit(run.request, wanted)) is not None:
        raise ValueError(f"{file} must hold {difference}")
    if run.missing:
        complain(f"{file} lacks {len(run.missing)} units of its run")
    return file


def _misfit(found: Experiment, wanted: Experiment) -> str | None:
    """How a run's request differs from the one that a figure needs, as "A, but holds B"; None where it does not."""
    if found.experiment != wanted.experiment:
        return f"{wanted.experiment}, but holds {found.experiment}"
    for name in _WHAT.intersection(wanted.numbers):
        held, asked = found.numbers[name], wanted.numbers[name]
        if not _holds(held, asked):
            least = " and nothing smaller" if isinstance(asked, list) else ""
            return f"{name} = {asked}{least}, but holds {held}"
    return None


_WHAT = frozenset({"dataset", "samples", "width", "widths", "l2", "l2s"})
"""Fields that tell what a figure is of; replicas, lengths and temperatures stand in the figure itself."""


def _holds(found: Any, asked: Any) -> bool:
    """Whether a number of a run is the one asked for, or a list more than that: lines are drawn at the smallest."""
    if isinstance(asked, list):
        return set(asked) <= set(found) and min(found) == min(asked)
    return bool(found == asked)


def _asked(need: Need, scale: str, quenched: Path | None) -> tuple[Experiment, Ensemble | None]:
    """The request for a need, and the replicas that it starts from, if the folder has them."""
    request = need.request(scale)
    file = quenched / f"{need.dataset}-{need.phase}.zip" if quenched is not None and need.phase else None
    if file is None or not file.is_file():
        return request, None
    given = read_ensemble(file)
    return request.started_from(given), given


def _say_cost(
    console: Console, asked: Asked, scale: str, output: Path, threads: int | None, elsewhere: Place | None
) -> dict[Need, Plan]:
    """A row a run, each without what runs before it will have made, and the sum; and the plans."""
    from glassnet.cli import tables
    from glassnet.paper.spread import needed
    from glassnet.runs.cost import Speeds, cost, spread
    from glassnet.runs.plan import plan
    from glassnet.runs.starting import refuse_misfit
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
    for replicas in dict.fromkeys(filter(None, (needed(request) for request, _ in asked.values()))):
        console.print(f"Replicas for tau_90 to 10 %: {replicas}", highlight=False)
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
    from glassnet.runs.cost import refuse_too_much_disk

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
    from glassnet.runs.plan import plan
    from glassnet.runs.starting import refuse_misfit
    from glassnet.store import RunDirectory

    directory = RunDirectory(folder)
    refuse_misfit(directory, request, maker)
    with directory.locked(say_waiting) as alone:
        say_unlocked(folder, alone)
        work = plan(request.points(), request.replicas, maker, directory)
        for note in work.notes:
            complain(note)
        console.print(f"{folder.name}: ", end="", highlight=False, markup=False, soft_wrap=True)
        do(console, directory, request, maker, work, checkpoint_every, given, client)


def _draw(
    console: Console, figures: list[str], paths: dict[Need, Path], dataset: str, output: Path, formats: list[str]
) -> bool:
    """Draw each figure whose runs can be read; whether any could be drawn."""
    from glassnet.paper.figures import FIGURES, draw
    from glassnet.runs import pictures
    from glassnet.runs.run import open_run

    drawn = pictures.Drawn()
    with console.status("drawing the figures"):
        for name in figures:
            try:
                runs = {need: open_run(paths[need]) for need in FIGURES[name].needs(dataset)}
                about = "; ".join([FIGURES[name].about, *map(pictures.about, runs.values())])
                one = pictures.write(draw(name, dataset, runs), output / "figures", formats, about)
            except (ValueError, OSError) as error:
                drawn.failed[name] = error
                continue
            drawn.files.extend(one.files)
            drawn.failed.update(one.failed)
    say_drawn(console, output / "figures", drawn)
    return bool(drawn.files)

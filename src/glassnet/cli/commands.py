"""The commands. What not every command needs is imported where it is used: figures and their library above all."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from glassnet.engines import Engine
    from glassnet.experiments import Relaxation, Run
    from glassnet.experiments.plan import Plan
    from glassnet.store import RunDirectory

REFUSED = 2
STOPPED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
run_app = typer.Typer(help="Run an experiment, or go on with it.", no_args_is_help=True)
app.add_typer(run_app, name="run")

RUNS = Path("runs")

_FILE_WIDTH = 1000


def main() -> None:
    """The entry point."""
    # Whoever ends a run kindly, a batch system for example, is answered as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(app(standalone_mode=False))
    except typer.Abort:
        sys.exit(STOPPED)
    except typer.TyperException as error:
        if said := _usage(error):  # nothing where the help was printed instead
            _complain(f"Error: {said}")
        sys.exit(REFUSED)


def _usage(error: typer.TyperException) -> str:
    """One line for a command that cannot be parsed; a value of the wrong type in the form of our own messages."""
    from pydantic import ValidationError

    cause = error.__cause__
    if isinstance(error, typer.BadParameter) and error.param is not None and isinstance(cause, ValidationError):
        problem = cause.errors()[0]
        if (kind := _KINDS.get(problem["type"])) is not None:
            return f"{error.param.name} must be {kind}, but got {problem['input']!r}"
    return error.format_message()


_KINDS = {"int_parsing": "an integer", "float_parsing": "a number"}


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(version("glassnet"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Measure how glassy neural networks are."""


@run_app.command("relaxation")
def run_relaxation(
    phase: Annotated[str, typer.Option(help="regularised, underparameterised or overparameterised")] = "regularised",
    scale: Annotated[str, typer.Option(help="demo, laptop, workstation or paper")] = "demo",
    dataset: Annotated[str, typer.Option(help="mnist or cifar10")] = "mnist",
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/relaxation-... by default.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    threads: Annotated[int | None, typer.Option(help="Worker threads; one a core by default.")] = None,
    replicas: Annotated[int | None, typer.Option(help="How many initial conditions.")] = None,
    seed: Annotated[int | None, typer.Option(help="Keys all random numbers.")] = None,
    temperature: Annotated[list[float] | None, typer.Option(help="May be given several times.")] = None,
    samples: Annotated[int | None, typer.Option(help="P_D: the first rows of the training set.")] = None,
    width: Annotated[int | None, typer.Option(help="Units in each of the 6 hidden layers.")] = None,
    l2: Annotated[float | None, typer.Option(help="lambda.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Length of the quench.")] = None,
    waiting_time: Annotated[list[int] | None, typer.Option(help="t_w, steps; may be given several times.")] = None,
    t_max: Annotated[int | None, typer.Option(help="Steps after the last waiting time; a save time.")] = None,
    chi: Annotated[list[float] | None, typer.Option(help="epsilon = sigma/chi; may be given several times.")] = None,
    engine: Annotated[str | None, typer.Option(help="cpu or reference (slow).")] = None,
    skin: Annotated[
        bool, typer.Option("--skin", help="Look only at rows awake or nearly so: faster, and not the dense dynamics.")
    ] = False,
    checkpoint_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 10.0,
) -> None:
    """Quench an ensemble and watch it relax at each temperature.

    The options from --replicas on replace numbers of the scale. Given again, the same command goes on where it was
    stopped; with more replicas, more temperatures or a larger --t-max it adds to what is there.
    """
    from glassnet import _check
    from glassnet.experiments import preset
    from glassnet.experiments.starting import refuse_misfit
    from glassnet.store import RunDirectory

    given = {
        "replicas": replicas,
        "seed": seed,
        "temperatures": temperature,
        "samples": samples,
        "width": width,
        "l2": l2,
        "epochs": epochs,
        "waiting_times": waiting_time,
        "t_max": t_max,
        "chi": chi,
        "engine": engine,
        "skin": skin or None,
    }
    console = _console()
    with _refusing():
        _check.number("checkpoint_every", checkpoint_every, positive=False)
        changes = {name: value for name, value in given.items() if value is not None}
        request = preset(phase, dataset, scale, changes)
        folder = output or RUNS / f"relaxation-{dataset}-{phase}-{scale}-{request.hash[:8]}"
        maker = request.make_engine(threads)
        directory = RunDirectory(folder)
        refuse_misfit(directory, request, maker)
    if dry_run:
        _estimate(console, directory, request, maker)
        return
    with _refusing(), directory.locked():
        _work(console, directory, request, maker, checkpoint_every)


def _planned(console: Console, directory: RunDirectory, request: Relaxation, maker: Engine) -> Plan:
    from glassnet.cli import tables
    from glassnet.experiments.plan import plan

    with _refusing():
        work = plan(request.points(), request.replicas, maker, directory)
    for note in work.notes:
        _complain(note)
    console.print(f"Run in {directory.path}", highlight=False, soft_wrap=True)
    console.print(tables.about(request))
    return work


def _estimate(console: Console, directory: RunDirectory, request: Relaxation, maker: Engine) -> None:
    from glassnet.cli import tables
    from glassnet.experiments.cost import cost

    work = _planned(console, directory, request, maker)
    with _refusing():
        console.print(tables.costs(work, cost(work, maker)))


def _work(
    console: Console,
    directory: RunDirectory,
    request: Relaxation,
    maker: Engine,
    checkpoint_every: float,
) -> None:
    from glassnet.cli.progress import counted, shown
    from glassnet.experiments import open_run
    from glassnet.experiments.cost import refuse_too_large
    from glassnet.experiments.runner import run
    from glassnet.experiments.starting import begin
    from glassnet.experiments.summary import write_summary

    work = _planned(console, directory, request, maker)
    refuse_too_large(work)
    to_make = work.n_units - work.n_done
    taken = f", {len(work.taken)} taken from other runs" if work.taken else ""
    console.print(f"{counted(work.n_units, 'unit')}: {work.n_done} done, {to_make} to make{taken}", highlight=False)
    try:
        begin(directory, request, maker, to_work=bool(work.blocks))
        with shown(work, console) as listener:
            run(work, maker, directory, on_update=listener, checkpoint_every=checkpoint_every)
        found = open_run(directory.path)
        _report(console, found)
        write_summary(found)
        _draw(console, found, directory.path / "figures", ["png"])
    except KeyboardInterrupt:
        again = shlex.join(["glassnet", *sys.argv[1:]])
        _complain(f"Stopped. What was done is kept in {directory.path}; to go on: {again}")
        raise typer.Exit(STOPPED) from None


@app.command("list")
def list_all(
    runs: Annotated[Path, typer.Option(help="Folder in which runs are looked for.")] = RUNS,
) -> None:
    """Name the experiments, phases, data sets and scales, and the runs that are there."""
    from glassnet.cli import tables

    console = _console()
    console.print("Experiments: relaxation. Data sets: mnist, cifar10.", highlight=False)
    console.print("", tables.phases_table(), "", tables.scales_table(), "", tables.runs_table(runs))
    for problem in tables.damaged_runs(runs):
        console.print(problem, highlight=False, markup=False, soft_wrap=True)


ShownChi = Annotated[
    float | None,
    typer.Option(help="Whose overlap; one that was recorded, the run's own by default.", show_default=False),
]
ShownWaitingTime = Annotated[
    int | None, typer.Option(help="t_w, steps; one that was recorded, the run's own by default.", show_default=False)
]


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    chi: ShownChi = None,
    waiting_time: ShownWaitingTime = None,
) -> None:
    """Say what a run holds, and print its summary."""
    from glassnet.cli import tables
    from glassnet.experiments import open_run

    console = _console()
    with _refusing():
        found = open_run(run).showing(chi=chi, waiting_time=waiting_time)
        console.print(tables.about(found.request))
        console.print(tables.provenance(found))
        _report(console, found)


@app.command()
def figures(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    output: Annotated[
        Path | None, typer.Option(help="Where to put them; figures in the run's folder by default.", show_default=False)
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--format", help="png or pdf; may be given twice.")] = None,
    chi: ShownChi = None,
    waiting_time: ShownWaitingTime = None,
) -> None:
    """Draw the figures of a run again, without computing anything."""
    from glassnet.experiments import open_run

    with _refusing():
        found = open_run(run).showing(chi=chi, waiting_time=waiting_time)
        _draw(_console(), found, output or run / "figures", kind or ["png"])


@app.command()
def claims(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or folders that hold runs.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder for claims.json and claims.md; this one by default.", show_default=False)
    ] = None,
) -> None:
    """Judge the claims of the paper by what runs found, each by a stated rule."""
    from glassnet.claims import assess, open_runs
    from glassnet.cli.claims import report, write

    console = _console()
    with _refusing():
        found = open_runs(runs)
        with console.status("judging"):
            judged = assess(found)
        paths = write(judged, output or Path())
    report(console, judged)
    console.print(f"Written: {', '.join(map(str, paths))}", highlight=False, soft_wrap=True)


def _report(console: Console, run: Run[Relaxation]) -> None:
    from glassnet.cli import tables

    if any(label == "quench" for label, _ in run.done):
        console.print("", tables.quench_table(run), "")
    if run.records:
        console.print(tables.relaxation_table(run), "")


def _draw(console: Console, run: Run[Relaxation], folder: Path, formats: list[str]) -> None:
    from glassnet.figures.relaxation import draw_all

    request = run.request
    with console.status("drawing the figures"):
        written = draw_all(
            run.record, folder, chi=request.shown_chi, waiting_time=request.shown_waiting_time, formats=formats
        )
    names = ", ".join(path.name for path in written)
    console.print(f"Figures in {folder}: {names}", highlight=False, soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # Nobody's screen is too narrow for a file.
    return console if console.is_terminal else Console(width=_FILE_WIDTH)


def _complain(message: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(message, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _refusing() -> Iterator[None]:
    """Say in one line what is wrong with what the user gave, that a file cannot be read or written, or memory is short.

    A ValueError that was not raised by glassnet is a mistake of ours, and keeps its traceback.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        if isinstance(error, ValueError) and not _is_ours(error):
            raise
        what = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        _complain(f"Error: {what}")
        raise typer.Exit(REFUSED) from None
    except MemoryError as error:
        _complain(f"Error: there is too little memory: {str(error) or 'an allocation failed'}")
        raise typer.Exit(REFUSED) from None


def _is_ours(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith("glassnet")

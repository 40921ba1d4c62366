"""The commands. What not every command needs is imported where it is used: figures and their library above all."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from glassnet._text import escaped
from glassnet.cli.data import Own, chosen, with_own_data
from glassnet.cli.experiments import QuenchedFile, Threads, add_to, started, started_again
from glassnet.cli.numbers import (
    NUMBERS,
    ExperimentCommand,
    Set,
    parsed,
    unknown_command,
    unknown_option,
)
from glassnet.cli.reproduce import reproduce
from glassnet.cli.watch import watch
from glassnet.cli.workers import ClusterName, SchedulerAddress, WorkerCount
from glassnet.cli.working import (
    DAMAGED,
    REFUSED,
    RUNS,
    STOPPED,
    complain,
    draw,
    have_matplotlib,
    make_console,
    refusing,
    report,
    run_in,
    say_left_out,
)


class _Commands(TyperGroup):
    """Commands, ``run`` before all others; who asks for one that is not there is told of those that come near to it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=lambda name: name != "run")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands:
            ctx.fail(unknown_command(args[0], self))
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
run_app = typer.Typer(cls=_Commands, help="Run an experiment, or go on with it.", no_args_is_help=True)
app.add_typer(run_app, name="run")


def main() -> None:
    """The entry point."""
    # Figures need no screen: a toolkit that is not there must not keep anything from being done.
    os.environ["MPLBACKEND"] = "agg"
    # Whoever ends a run kindly, a batch system for example, is answered as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that it cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        sys.exit(app(standalone_mode=False))
    except typer.Abort:
        sys.exit(STOPPED)
    except typer.TyperException as error:
        if said := _usage(error):  # nothing where the help was printed instead
            complain(f"Error: {said}")
        sys.exit(REFUSED)


def _usage(error: typer.TyperException) -> str:
    """One line for a command that cannot be parsed; a value of the wrong type in the form of our own messages."""
    from pydantic import ValidationError

    if hasattr(error, "possibilities") and hasattr(error, "option_name") and hasattr(error, "ctx"):
        return unknown_option(error.option_name, error.ctx.command)
    cause = error.__cause__
    if isinstance(error, typer.BadParameter) and error.param is not None and isinstance(cause, ValidationError):
        problem = cause.errors()[0]
        if (kind := _KINDS.get(problem["type"])) is not None:
            several = "; for several, give it several times" if getattr(error.param, "multiple", False) else ""
            return f"{error.param.name} must be {kind}, but got {problem['input']!r}{several}"
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


def _number(about: str, metavar: str | None = None) -> Any:
    return typer.Option(help=about, metavar=metavar, show_default=False, rich_help_panel=NUMBERS)


@run_app.command("relaxation", cls=ExperimentCommand)
@with_own_data
def run_relaxation(
    phase: Annotated[str, typer.Option(help="regularised, underparameterised or overparameterised")] = "regularised",
    scale: Annotated[str, typer.Option(help="demo, laptop, workstation or paper")] = "demo",
    dataset: Annotated[str, typer.Option(help="mnist or cifar10")] = "mnist",
    *,
    own: Own,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/relaxation-... by default.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    threads: Threads = None,
    replicas: Annotated[int | None, _number("How many initial conditions.")] = None,
    seed: Annotated[int | None, _number("Keys all random numbers.")] = None,
    temperature: Annotated[list[float] | None, _number("T; may be given several times.", "<float>")] = None,
    samples: Annotated[int | None, _number("P_D: the first rows of the training set.")] = None,
    width: Annotated[int | None, _number("Units in each hidden layer.")] = None,
    l2: Annotated[float | None, _number("lambda.")] = None,
    epochs: Annotated[int | None, _number("Length of the quench.")] = None,
    waiting_time: Annotated[list[int] | None, _number("t_w, steps; may be given several times.", "<int>")] = None,
    t_max: Annotated[int | None, _number("Steps after the last waiting time; a save time.")] = None,
    chi: Annotated[list[float] | None, _number("epsilon = sigma/chi; may be given several times.", "<float>")] = None,
    engine: Annotated[str | None, _number("cpu, torch, triton (NVIDIA GPUs) or reference (slow).")] = None,
    skin: Annotated[
        bool | None,
        typer.Option(
            "--skin/--no-skin",
            help="Look only at rows awake or nearly so: faster, and not the dense dynamics.",
            show_default=False,
            rich_help_panel=NUMBERS,
        ),
    ] = None,
    changes: Set = None,
    quenched: QuenchedFile = None,
    checkpoint_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Quench an ensemble and watch it relax at each temperature.

    Given again, the same command goes on where it was stopped; with more replicas, more temperatures or a larger
    --t-max it adds to what is there.
    """
    from glassnet.paper.scales import preset

    options = {
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
        "skin": skin,
    }
    with refusing():
        numbers = parsed(changes, options)
        data, of = chosen(own, dataset, numbers.get("samples"), output)
        request, start = started(preset(phase, data, scale, numbers), quenched, numbers)
    folder = output or RUNS / f"relaxation-{of}-{phase}-{scale}-{request.hash[:8]}"
    where = scheduler, cluster, workers
    run_in(
        folder,
        request,
        threads=threads,
        dry_run=dry_run,
        checkpoint_every=checkpoint_every,
        where=where,
        given=start,
    )


add_to(run_app)
app.command("reproduce")(reproduce)
app.command("watch")(watch)


@app.command("list")
def list_all(
    runs: Annotated[Path, typer.Option(help="Folder in which runs are looked for.")] = RUNS,
) -> None:
    """Name the experiments, phases, data sets and scales, and the runs that are there."""
    from glassnet.cli import tables

    console = make_console()
    with refusing():
        have_matplotlib(runs)
    console.print("Data sets: mnist, cifar10, or your own (--data).", highlight=False)
    console.print(
        "",
        tables.experiments_table(),
        "",
        tables.figures_table(),
        "",
        tables.phases_table(),
        "",
        tables.scales_table(),
        "",
        tables.runs_table(runs),
    )
    for problem in tables.damaged_runs(runs):
        console.print(escaped(problem), highlight=False, soft_wrap=True)


ShownChi = Annotated[
    float | None,
    typer.Option(help="Whose overlap; one that was recorded, the run's own by default.", show_default=False),
]
ShownWaitingTime = Annotated[
    int | None, typer.Option(help="t_w, steps; one that was recorded, the run's own by default.", show_default=False)
]


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    threads: Threads = None,
    quenched: QuenchedFile = None,
    checkpoint_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 10.0,
    scheduler: SchedulerAddress = None,
    cluster: ClusterName = None,
    workers: WorkerCount = None,
) -> None:
    """Make what a run lacks, as it was asked for.

    A run that was begun with given replicas needs --quenched again only while they are not stored, or damaged.
    """
    from glassnet.runs.run import open_run

    with refusing():
        found = open_run(run)
        if found.is_condensed:
            raise ValueError(f"run must be the folder of a run, but {run} is condensed, which nothing can continue")
        request = found.request
        given = started_again(request, quenched)
    where = scheduler, cluster, workers
    run_in(
        run,
        request,
        threads=threads,
        dry_run=dry_run,
        checkpoint_every=checkpoint_every,
        where=where,
        given=given,
    )


@app.command()
def condense(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folder of a run; or several runs, condensed or not, that are pieces of one."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="File, NAME.run.zip; beside the folder by default, needed for several runs.", show_default=False
        ),
    ] = None,
) -> None:
    """Make of a run one small file that figures and claims can be made from again, rounded; to keep or to pass on.

    Several runs that differ in temperatures or replicas only are joined in one file.
    """
    from glassnet.runs.condense import condense as write
    from glassnet.runs.condense import join
    from glassnet.runs.run import open_run
    from glassnet.store.index import SUFFIX

    with refusing():
        if output is None and len(runs) > 1:
            raise ValueError(f"output must be given to join {len(runs)} runs, as --output NAME{SUFFIX}")
        here = runs[0] if runs[0].name not in ("", "..") else runs[0].resolve()
        file = output or here.with_name(here.name + SUFFIX)
        if not file.name.endswith(SUFFIX):
            raise ValueError(f"output must be a file NAME{SUFFIX}, but got {file}")
        found = open_run(runs[0])
        if len(runs) > 1 or (found.is_condensed and runs[0].is_dir()):
            found = join([found, *map(open_run, runs[1:])], file)
        else:
            write(found, file)
    n, n_missing = len(found.done), len(found.missing)
    of = f" of {n + n_missing}" if n_missing else ""
    size = f"{file.stat().st_size / 1e6:.2f} MB"
    make_console().print(f"{n}{of} units in {file}, {size}", highlight=False, soft_wrap=True)


RunPath = Annotated[
    Path, typer.Argument(help="Folder of a run, the file of a condensed one, or a folder of condensed pieces of one.")
]


@app.command()
def show(
    run: RunPath,
    chi: ShownChi = None,
    waiting_time: ShownWaitingTime = None,
    units: Annotated[bool, typer.Option("--units", help="List its units instead: point, replica, file.")] = False,
) -> None:
    """Say what a run holds, and print its summary."""
    from glassnet.cli import tables
    from glassnet.runs.run import open_run

    console = make_console()
    with refusing():
        found = open_run(run).showing(chi=chi, waiting_time=waiting_time)
        if units:
            console.print(tables.units_table(found))
            return
        console.print(tables.about(found.request))
        console.print(tables.provenance(found))
        report(console, found)


@app.command()
def verify(run: RunPath) -> None:
    """Check every byte of a run, and say what is there and what is damaged; exit status 1 if a unit is.

    A run whose description, or whose only file, is damaged is refused as everywhere, with status 2.
    """
    from glassnet.cli import tables
    from glassnet.runs.own_data import FILE
    from glassnet.runs.verify import verify as look
    from glassnet.store.directory import is_run

    console = make_console()
    with refusing(), console.status("reading"):
        found = look(run)
    console.print(tables.verification(found))
    for problem in found.damaged:
        complain(f"Damaged: {problem}")
    for path in found.left_over:
        console.print(escaped(f"Left over: {path}"), highlight=False, soft_wrap=True)
    if any(not problem.startswith(str(run / FILE)) for problem in found.damaged) and is_run(run):
        complain(f"glassnet resume {shlex.quote(str(run))} makes again what is damaged.")
    if found.damaged:
        raise typer.Exit(DAMAGED)


@app.command()
def figures(
    run: RunPath,
    output: Annotated[
        Path | None,
        typer.Option(help="Where to put them; figures in the run's folder, or beside its file.", show_default=False),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--format", help="png or pdf; may be given twice.")] = None,
    chi: ShownChi = None,
    waiting_time: ShownWaitingTime = None,
) -> None:
    """Draw the figures of a run again, without computing anything."""
    from glassnet.runs.run import open_run

    with refusing():
        found = open_run(run).showing(chi=chi, waiting_time=waiting_time)
        folder = output or (run.parent if run.is_file() else run) / "figures"
        drawn = draw(make_console(), found, folder, kind or ["png"])
    if not drawn.files:
        raise typer.Exit(REFUSED)


Runs = Annotated[
    list[Path], typer.Argument(help="Runs, folders or condensed, or folders that hold some or the pieces of one.")
]


@app.command()
def claims(
    runs: Runs,
    output: Annotated[
        Path | None, typer.Option(help="Folder for claims.json and claims.md; this one by default.", show_default=False)
    ] = None,
) -> None:
    """Judge the claims of the paper by what runs found, each by a stated rule."""
    from glassnet.cli.claims import print_claims, write
    from glassnet.paper.claims import assess, open_runs, why_left_out

    console = make_console()
    with refusing():
        found = open_runs(runs, say_left_out)
        with console.status("judging"):
            judged = assess(found)
        paths = write(judged, output or Path())
    print_claims(console, judged)
    for run in found:
        if (reason := why_left_out(run)) is not None:
            console.print(escaped(f"Left out: {run.path}: {reason}."), highlight=False, soft_wrap=True)
    console.print(f"Written: {', '.join(map(str, paths))}", highlight=False, soft_wrap=True)


@app.command("report")
def write_page(
    runs: Annotated[list[Path], typer.Argument(help="Runs, folders that hold some, or records that gn.save wrote.")],
    output: Annotated[Path, typer.Option(help="File, NAME.html; an existing one is replaced.")] = Path("report.html"),
) -> None:
    """Write one interactive page of claims and figures, which opens in any browser without a network."""
    from glassnet.report import check_file, open_shown, write_report

    console = make_console()
    with refusing():
        check_file(output)
        found = open_shown(runs, say_left_out)
        with console.status("judging and drawing"):
            file = write_report(found, output)
    console.print(f"Written: {file}, {file.stat().st_size / 1e6:.2f} MB", highlight=False, soft_wrap=True)

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

from glassnet._text import escaped
from glassnet.cli.groups import Commands, unknown_option
from glassnet.cli.opening import Looking, OwnClass, experiment_in, looked_at, opened
from glassnet.cli.options import grouped
from glassnet.cli.reproduce import reproduce
from glassnet.cli.run import Experiments
from glassnet.cli.watch import watch
from glassnet.cli.workers import Where
from glassnet.cli.working import (
    DAMAGED,
    REFUSED,
    RUNS,
    STOPPED,
    Making,
    QuenchedFile,
    complain,
    draw,
    have_matplotlib,
    make_console,
    read_ensemble,
    refusing,
    report,
    run_in,
    say_left_out,
)


class _First(Commands):
    """All commands, ``run`` before all others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=lambda name: name != "run")


app = typer.Typer(
    cls=_First,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
run_app = typer.Typer(
    cls=Experiments,
    help="Run an experiment, or go on with it: one of these, or your own as FILE.py:CLASS.",
    no_args_is_help=True,
)
run_app.callback()(lambda: None)
app.add_typer(run_app, name="run")


def main() -> None:
    """The entry point."""
    # Figures need no screen: a toolkit that is not there must not keep anything from being done.
    os.environ["MPLBACKEND"] = "agg"
    # No plugin of pydantic's is wanted, and looking for some takes a fifth of the time to start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
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
            return f"{_name(error.param)} must be {kind}, but got {problem['input']!r}{several}"
    return error.format_message()


def _name(parameter: Any) -> str:
    """A parameter as people know it."""
    return str(parameter.opts[0]).lstrip("-").replace("-", "_")


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


app.command("reproduce")(grouped(reproduce))
app.command("watch")(grouped(watch))


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


@app.command()
@grouped
def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    experiment: OwnClass = None,
    *,
    making: Making,
    quenched: QuenchedFile = None,
    where: Where,
) -> None:
    """Make what a run lacks, as it was asked for.

    A run that was begun with given replicas needs --quenched again only while they are not stored, or damaged.
    """
    with refusing():
        found = opened(run, experiment)
        if found.is_condensed:
            raise ValueError(f"run must be the folder of a run, but {run} is condensed, which nothing can continue")
        given = None if quenched is None else _begun_with(found.request, quenched)
    run_in(run, found.request, making, where, given)


def _begun_with(request: Any, file: Path) -> Any:
    """The replicas in a file, if they are those that a run began with."""
    from glassnet.runs.quench import taken

    wanted = getattr(request, "quenched", None)
    if wanted is None:
        raise ValueError(f"quenched must not be given for a run that begins at random weights, but got {file}")
    given = read_ensemble(file)
    for origin, fingerprint in enumerate(wanted):
        taken(given, origin, fingerprint, request.dtype)
    return given


@app.command()
@grouped
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
    experiment: OwnClass = None,
    *,
    looking: Looking,
) -> None:
    """Make of a run one small file that figures and claims can be made from again, rounded; to keep or to pass on.

    Several runs that differ in temperatures or replicas only are joined in one file. What is kept of one waiting time
    only, such as displacements, is of the one that is looked at.
    """
    from glassnet.runs.condense import condense as write
    from glassnet.runs.condense import join
    from glassnet.store.index import SUFFIX

    with refusing():
        if output is None and len(runs) > 1:
            raise ValueError(f"output must be given to join {len(runs)} runs, as --output NAME{SUFFIX}")
        here = runs[0] if runs[0].name not in ("", "..") else runs[0].resolve()
        file = output or here.with_name(here.name + SUFFIX)
        if not file.name.endswith(SUFFIX):
            raise ValueError(f"output must be a file NAME{SUFFIX}, but got {file}")
        pieces = [opened(path, experiment, looking) for path in runs]
        found = pieces[0]
        if len(runs) > 1 or (found.is_condensed and runs[0].is_dir()):
            found = join(pieces, file, None if experiment is None else experiment_in(experiment))
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
@grouped
def show(
    run: RunPath,
    units: Annotated[bool, typer.Option("--units", help="List its units instead: point, replica, file.")] = False,
    experiment: OwnClass = None,
    *,
    looking: Looking,
) -> None:
    """Say what a run holds, and print its summary."""
    from glassnet.cli import tables

    console = make_console()
    with refusing():
        found = opened(run, experiment, looking)
        if units:
            console.print(tables.members_table(found))
            return
        console.print(tables.about(found.request))
        console.print(tables.provenance(found))
        report(console, found)


@app.command()
def verify(run: RunPath, experiment: OwnClass = None) -> None:
    """Check every byte of a run, and say what is there and what is damaged; exit status 1 if a unit is.

    A run whose description, or whose only file, is damaged is refused as everywhere, with status 2.
    """
    from glassnet.cli import tables
    from glassnet.runs.own_data import FILE
    from glassnet.runs.verify import verify as look
    from glassnet.store.directory import is_run

    console = make_console()
    with refusing(), console.status("reading"):
        found = look(run, None if experiment is None else experiment_in(experiment))
    console.print(tables.verification(found))
    for problem in found.damaged:
        complain(f"Damaged: {problem}")
    for path in found.left_over:
        console.print(escaped(f"Left over: {path}"), highlight=False, soft_wrap=True)
    if any(not problem.startswith(str(run / FILE)) for problem in found.damaged) and is_run(run):
        own = [] if experiment is None else ["--experiment", experiment]
        complain(f"{shlex.join(['glassnet', 'resume', str(run), *own])} makes again what is damaged.")
    if found.damaged:
        raise typer.Exit(DAMAGED)


@app.command()
@grouped
def figures(
    run: RunPath,
    output: Annotated[
        Path | None,
        typer.Option(help="Where to put them; figures in the run's folder, or beside its file.", show_default=False),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--format", help="png or pdf; may be given twice.")] = None,
    experiment: OwnClass = None,
    *,
    looking: Looking,
) -> None:
    """Draw the figures of a run again, without computing anything."""
    with refusing():
        found = opened(run, experiment, looking)
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
@grouped
def write_page(
    runs: Annotated[list[Path], typer.Argument(help="Runs, folders that hold some, or records that gn.save wrote.")],
    output: Annotated[Path, typer.Option(help="File, NAME.html; an existing one is replaced.")] = Path("report.html"),
    experiment: OwnClass = None,
    *,
    looking: Looking,
) -> None:
    """Write one interactive page of claims and figures, which opens in any browser without a network."""
    from glassnet.report import check_file, open_shown, write_report
    from glassnet.runs.run import Run

    console = make_console()
    with refusing():
        check_file(output)
        own = None if experiment is None else experiment_in(experiment)
        found = looked_at(open_shown(runs, say_left_out, experiment=own), looking)
        kinds = {one.request.experiment for one in found if isinstance(one, Run)}
        if own is not None and own.experiment not in kinds:
            raise ValueError(f"experiment must be that of a run ({', '.join(sorted(kinds))}), but got {experiment}")
        with console.status("judging and drawing"):
            file = write_report(found, output)
    console.print(f"Written: {file}, {file.stat().st_size / 1e6:.2f} MB", highlight=False, soft_wrap=True)

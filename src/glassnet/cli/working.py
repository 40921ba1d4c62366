"""Work that commands have in common: plan, make and report a run, and say what is wrong in one line."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from glassnet._text import counted, duration, escaped
from glassnet.runs import registry

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console

    from glassnet.cli.workers import Place, Where
    from glassnet.engines import Engine
    from glassnet.runs.experiment import Experiment
    from glassnet.runs.pictures import Drawn
    from glassnet.runs.plan import Plan
    from glassnet.runs.run import Run
    from glassnet.simulate.ensemble import Ensemble
    from glassnet.store import RunDirectory

DAMAGED = 1
REFUSED = 2
STOPPED = 130

RUNS = Path("runs")

_FILE_WIDTH = 1000

_LONGEST = 10_000
"""Characters of a message; a stranger's file may have a value of any length."""


class Making(NamedTuple):
    """How a run is made, as the options say."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False
    threads: Annotated[int | None, typer.Option(help="One a core by default, on workers one a task.")] = None
    checkpoint_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 10.0


QuenchedFile = Annotated[
    Path | None,
    typer.Option(help="File of quenched replicas, as glassnet.save writes it, to start from.", show_default=False),
]


def run_in(folder: Path, request: Experiment, making: Making, where: Where, given: Ensemble | None = None) -> None:
    """Make a run in a folder, or go on with the one that is there; or only say what that would cost.

    ``given`` are the replicas that the request starts from, where it does not start at random weights.
    """
    from glassnet import _check
    from glassnet.cli.workers import connected, placed
    from glassnet.runs.starting import refuse_misfit
    from glassnet.store import RunDirectory

    console = make_console()
    with refusing():
        _check.number("checkpoint_every", making.checkpoint_every, positive=False)
        workers = placed(where, console)
        maker = make_engine(request, making.threads, workers)
        directory = RunDirectory(folder)
        refuse_misfit(directory, request, maker)
    if making.dry_run:
        _estimate(console, directory, request, making.threads, workers, given)
        return
    with refusing(), stopping(directory.path), directory.locked(say_waiting) as alone:
        say_unlocked(directory.path, alone)
        work = _planned(console, directory, request, maker)
        refuse_too_large(work, maker, directory.path, workers)
        with connected(workers if work.blocks else None, console, directory.path.parent) as client:
            do(console, directory, request, maker, work, making.checkpoint_every, given, client)
        found = _opened(directory.path, request)
        report(console, found)
        _draw_done(console, found, directory.path / "figures", work.n_units)


def make_engine(request: Experiment, threads: int | None, workers: Place | None) -> Engine:
    """The engine of a request; on workers with one thread a task, since a worker does one task a thread.

    Raises:
        ValueError: as :meth:`Experiment.make_engine`; with workers too it must be there where the command runs.
        ImportError: as :meth:`Experiment.make_engine`.
    """
    try:
        return request.make_engine(threads if workers is None else threads or 1)
    except (ValueError, ImportError) as error:
        if workers is None or request.engine not in ("torch", "triton"):
            raise
        raise type(error)(
            f"engine {request.engine!r} with workers needs their kind of device where the command runs too, since "
            f"addresses of units name it: {error}; run the command on such a machine, or without workers"
        ) from None


def do(
    console: Console,
    directory: RunDirectory,
    request: Experiment,
    maker: Engine,
    work: Plan,
    checkpoint_every: float,
    given: Ensemble | None = None,
    client: Client | None = None,
) -> None:
    """Make what a plan says is missing, here or on the workers of a client, and write the summary."""
    from glassnet.cli.progress import shown
    from glassnet.runs import distributed, runner
    from glassnet.runs.cost import refuse_too_much_disk
    from glassnet.runs.quench import refuse_missing
    from glassnet.runs.starting import begin
    from glassnet.runs.table import write_summary

    refuse_missing(work, given)
    refuse_too_much_disk(directory.path, work)
    to_make = work.n_units - work.n_done
    taken = f", {len(work.taken)} taken from other runs" if work.taken else ""
    console.print(f"{counted(work.n_units, 'unit')}: {work.n_done} done, {to_make} to make{taken}", highlight=False)
    begin(directory, request, maker, to_work=bool(work.blocks))
    with shown(work, console) as listener:
        if client is None:
            runner.run(work, maker, directory, given=given, on_update=listener, checkpoint_every=checkpoint_every)
        else:
            distributed.run(
                work,
                maker,
                directory,
                client,
                given=given,
                on_update=listener,
                on_waiting=lambda seconds: console.print(f"No worker for {duration(seconds)}: waiting for one"),
                on_refused=complain,
                checkpoint_every=checkpoint_every,
            )
    write_summary(_opened(directory.path, request))


def refuse_too_large(work: Plan, maker: Engine, folder: Path, workers: Place | None) -> None:
    """Refuse work that the memory of who does it, or the disk, cannot hold.

    Raises:
        ValueError: with the numbers.
        ConnectionError: the scheduler of the workers does not answer.
    """
    from glassnet.runs.cost import (
        refuse_too_much_disk,
        refuse_too_much_memory,
        refuse_too_small_workers,
    )

    if not work.blocks:
        return
    if workers is None:
        refuse_too_much_memory(work, maker)
    else:
        refuse_too_small_workers(work, maker, workers.memory())
    refuse_too_much_disk(folder, work)


def read_ensemble(file: Path) -> Ensemble:
    """The replicas that a file holds.

    Raises:
        ValueError: it holds a record.
    """
    from glassnet.simulate.ensemble import Ensemble
    from glassnet.store import load

    found = load(file)
    if not isinstance(found, Ensemble):
        raise ValueError(f"quenched must be the file of an ensemble, but {file} holds a record")
    return found


@contextmanager
def stopping(folder: Path) -> Iterator[None]:
    """Answer Ctrl-C with where things are and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        again = shlex.join(["glassnet", *sys.argv[1:]])
        complain(f"Stopped. What was done is kept in {folder}; to go on: {again}")
        raise typer.Exit(STOPPED) from None


def report(console: Console, run: Run[Any]) -> None:
    """Print what a run found."""
    from glassnet.cli import tables
    from glassnet.runs.table import tables_of

    for table in reversed(tables_of(run)):
        if table.rows:
            console.print("", tables.shown(table))
    console.print()


def draw(console: Console, run: Run[Any], folder: Path, formats: list[str]) -> Drawn:
    """Draw the figures of a run that can be drawn, and say which they are."""
    have_matplotlib(folder)
    from glassnet.runs.pictures import draw_run

    with console.status("drawing the figures"):
        drawn = draw_run(run, folder, formats)
    say_drawn(console, folder, drawn)
    return drawn


def have_matplotlib(folder: Path) -> None:
    """Import matplotlib also where it can write no cache, neither the user's nor a temporary one: without, it refuses.

    Args:
        folder: where something is to be written anyway; it need not exist.
    """
    try:
        import matplotlib.font_manager
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]  # half imported
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
        with tempfile.TemporaryDirectory(prefix=".matplotlib-", dir=there) as cache:
            os.environ["MPLCONFIGDIR"] = cache
            import matplotlib.font_manager  # noqa: F401


def _draw_done(console: Console, run: Run[Any], folder: Path, n_units: int) -> None:
    """Draw what a finished run is to show; whatever is wrong with its figures, the run is complete."""
    try:
        failed = bool(draw(console, run, folder, ["png"]).failed)
    except Exception as error:
        complain(f"No figures: {reason(error)}")
        failed = True
    if failed:
        complain(f"The run is complete: all {counted(n_units, 'unit')} are in {run.path}")


def say_drawn(console: Console, folder: Path, drawn: Drawn) -> None:
    """Name the files of figures, and say what could not be drawn, each with the reason."""
    if drawn.files:
        names = ", ".join(path.name for path in drawn.files)
        console.print(f"Figures in {folder}: {names}", highlight=False, markup=False, soft_wrap=True)
    for name, error in drawn.failed.items():
        said = reason(error).replace("\n", " ")
        complain(f"Not drawn: {name}: {said}")


def say_left_out(path: Path, error: Exception) -> None:
    """Say of one of many runs that it cannot be read, and that the others are gone on with."""
    complain(f"Left out: {reason(error)}" if str(path) in reason(error) else f"Left out: {path}: {reason(error)}")


def say_refused(check: Callable[[], None]) -> None:
    """Say of what was only asked for that it would be refused, if so."""
    try:
        check()
    except ValueError as error:
        complain(f"It would be refused: {error}")


def say_waiting(found: str) -> None:
    """Say that another process is waited for, and what then happens."""
    complain(f"{found}; waiting for it, then going on with what it leaves")


def make_console() -> Console:
    """Where things are printed."""
    from glassnet.cli.console import PlainConsole

    console = PlainConsole()
    # Nobody's screen is too narrow for a file.
    return console if console.is_terminal else PlainConsole(width=_FILE_WIDTH)


def complain(message: str) -> None:
    """One line to whoever watches for errors."""
    from glassnet.cli.console import PlainConsole

    cut = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ..."
    PlainConsole(stderr=True).print(escaped(cut), highlight=False, soft_wrap=True)


def say_unlocked(folder: Path, alone: bool) -> None:
    """Say that nothing keeps other processes from a run."""
    if not alone:
        complain(f"{folder}: its file system has no locks; see to it that no other process works on this run")


def reason(error: BaseException) -> str:
    """One line that names the file and the error, and says what to do where something can be done."""
    if isinstance(error, OSError) and error.filename:
        remedy = _REMEDIES.get(error.errno or 0, "")
        return f"{error.filename}: {error.strerror}{remedy}"
    if isinstance(error, MemoryError):
        return f"there is too little memory: {str(error) or 'an allocation failed'}"
    known = isinstance(error, OSError) or is_ours(error)
    return str(error) if known and str(error) else f"{type(error).__name__}: {error}"


_AGAIN = "then give the same command again; what is done is kept"
_REMEDIES = {
    errno.ENOSPC: f": make room on its disk, {_AGAIN}",
    errno.EDQUOT: f": your quota there is used up: make room, {_AGAIN}",
    errno.EFBIG: f": its file system, or a limit on the size of files (ulimit -f), allows no larger one: raise it, "
    f"{_AGAIN}",
    errno.EROFS: ": give another output",
    errno.ESTALE: f": the server of its file system no longer has it: {_AGAIN.removeprefix('then ')}",
}
"""Advice for errors of the system, such as a full disk."""


@contextmanager
def refusing() -> Iterator[None]:
    """Say in one line what is wrong with what the user gave, that a file cannot be read or written, or memory is short.

    Of an error in the user's own file the line says where it is. Any other is a mistake of ours, and keeps its
    traceback.
    """
    try:
        yield
    except Exception as error:
        known = isinstance(error, (OSError, MemoryError))
        known = known or (isinstance(error, (ValueError, ImportError)) and is_ours(error))
        place = "" if known else registry.place_in_file(error)
        if not known and not place:
            raise
        complain(f"Error: {reason(error)}" if known else f"Error: {place}: {type(error).__name__}: {error}")
        raise typer.Exit(REFUSED) from None


def is_ours(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and f"{trace.tb_frame.f_globals.get('__name__')}.".startswith("glassnet.")


def _planned(console: Console, directory: RunDirectory, request: Experiment, maker: Engine) -> Plan:
    from glassnet.cli import tables
    from glassnet.runs.plan import plan

    work = plan(request.points(), request.replicas, maker, directory)
    for note in work.notes:
        complain(note)
    console.print(f"Run in {directory.path}", highlight=False, markup=False, soft_wrap=True)
    console.print(tables.about(request))
    return work


def _estimate(
    console: Console,
    directory: RunDirectory,
    request: Experiment,
    threads: int | None,
    workers: Place | None,
    given: Ensemble | None,
) -> None:
    from glassnet.cli import tables
    from glassnet.paper.spread import needed
    from glassnet.runs.cost import cost, spread

    with refusing():
        n_workers, n_threads = workers.threads() if workers is not None else (0, 0)
        maker = make_engine(request, threads, workers)
        here = maker if workers is None else request.make_engine()
        work = _planned(console, directory, request, here)
        there = None
        if workers is not None:
            there = n_workers, n_threads, spread(work, maker, directory.path, n_threads, given)
        console.print(tables.costs(work, cost(work, here, directory.path, given=given), there, needed(request)))
        if workers is not None:
            say_refused(lambda: refuse_too_large(work, maker, directory.path, workers))
        if workers is not None and workers.job_script:
            console.print("", workers.job_script, highlight=False, markup=False, soft_wrap=True)


def _opened(folder: Path, request: Experiment) -> Run[Any]:
    """The run that a request was made in."""
    from glassnet.runs.run import open_run

    return open_run(folder, experiment=None if request.generic else type(request))

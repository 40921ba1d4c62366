"""The long runs of the reproduction, piece by piece, beside other work: ``make campaign HOURS=2``.

A piece is a complete run of at most about two hours of one core: one phase at one temperature, one width of a sweep, a
few more initial conditions. The list is ordered by worth. A piece that is whole is condensed into ``KEPT``, to be
committed once and never written again; until then its state stands in the working folder, outside the repository,
where a stopped campaign goes on. ``make campaign-status`` says how each piece stands.

    python -m studies.campaign --hours 2 [--engine triton] [--work FOLDER]
    python -m studies.campaign --status
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from glassnet import _check, load
from glassnet._text import duration
from glassnet.runs.condense import condense
from glassnet.runs.experiment import Experiment
from glassnet.runs.plan import plan
from glassnet.runs.registry import request
from glassnet.runs.run import open_run
from glassnet.runs.runner import run
from glassnet.runs.starting import begin
from glassnet.runs.watch import Watch
from glassnet.simulate.ensemble import Ensemble
from glassnet.store import RunDirectory
from glassnet.store.index import SUFFIX
from glassnet.store.lock import held, holder
from studies.campaign_lock import CAMPAIGN_LOCK
from studies.sweep import Sweep

REPOSITORY: Final = Path(__file__).parents[1]
KEPT: Final = REPOSITORY / "docs" / "reproduction" / "campaign"
QUENCHED: Final = REPOSITORY / "docs" / "reproduction" / "quenched"
WORK: Final = Path.home() / ".cache" / "glassnet" / "campaign"

_CHECKPOINT_SECONDS: Final = 60.0

Tick = Callable[[], None]
"""Called from time to time while a piece is made; raises KeyboardInterrupt when the time is over."""


class Piece(Protocol):
    """One entry of the list."""

    @property
    def hours(self) -> float:
        """Expected time on one core, from a trial."""

    @property
    def name(self) -> str:
        """Its run and its place in it, as ``run/piece``."""

    def kept(self, folder: Path) -> Path:
        """The file that it becomes."""

    def share(self, work: Path) -> float:
        """Share of it that is done, by what is in the working folder: from 0 to below 1, since its file is missing."""

    def make(self, work: Path, kept: Path, tick: Tick) -> None:
        """Go on with it to its end, and put its file in place.

        Raises:
            KeyboardInterrupt: stopped; its state is kept in the working folder.
        """


@dataclass(frozen=True)
class RunPiece:
    """A run of an experiment.

    Args:
        run: the run of which it is a piece; its folder among the kept files.
        part: what tells it apart from the run's other pieces.
        hours: expected time on one core.
        experiment, variant, dataset: as :func:`glassnet.runs.registry.request` takes them, at the scale "workstation".
        changes: the numbers that differ from that scale's.
        quenched: file of the replicas that it starts from; None for random weights.
    """

    run: str
    part: str
    hours: float
    experiment: str
    variant: str
    changes: Mapping[str, Any] = field(hash=False)
    dataset: str = "mnist"
    quenched: str | None = None

    @property
    def name(self) -> str:
        return f"{self.run}/{self.part}"

    def kept(self, folder: Path) -> Path:
        return folder / self.run / f"{self.part}{SUFFIX}"

    def asked(self) -> tuple[Experiment, Ensemble | None]:
        """The request, and the replicas that it starts from."""
        asked = request(self.experiment, self.variant, self.dataset, "workstation", self.changes)
        if self.quenched is None:
            return asked, None
        given = load(QUENCHED / self.quenched)
        assert isinstance(given, Ensemble)
        return asked.started_from(given, self.changes), given

    def share(self, work: Path) -> float:
        with suppress(FileNotFoundError):
            return min(0.99, Watch(self._folder(work)).look().share)  # its file is still to be made
        return 0.0

    def make(self, work: Path, kept: Path, tick: Tick) -> None:
        asked, given = self.asked()
        engine, directory = asked.make_engine(threads=1), RunDirectory(self._folder(work))
        with directory.locked():
            to_do = plan(asked.points(), asked.replicas, engine, directory)
            begin(directory, asked, engine, to_work=bool(to_do.blocks))
            run(
                to_do,
                engine,
                directory,
                given=given,
                on_update=lambda _: tick(),
                checkpoint_every=_CHECKPOINT_SECONDS,
            )
        condense(open_run(directory.path), kept)

    def _folder(self, work: Path) -> Path:
        return work / f"{self.run}-{self.part}"


def pieces(engine: str = "cpu") -> list[Piece]:
    """The list, in its order; with another engine than "cpu" the names say so, since other units come of it."""
    found: list[Piece] = [
        *_relaxation("regularised", (0.0, 1e-4, 0.1, 1e-6, 1e-3), engine),
        *_relaxation("underparameterised", (0.0, 1e-4, 0.1, 1e-6, 1e-3), engine),
    ]
    if engine == "cpu":  # SGD of small batches gains nothing from a GPU
        found += [Sweep(width, hours) for width, hours in ((30, 1.0), (45, 1.8), (60, 3.0))]
    found += [
        _piece(
            "phase_diagram-mnist-l2", "replicas-20", 1.4, "phase_diagram", "l2", engine, replicas=20, epochs=[1_000]
        ),
        *_depths(engine),
        *_sgd_displacement(engine),
        *_larger_step(engine),
        *_n_star(engine),
        *_cifar10(engine),
    ]
    return found


_TIMES: Final[Mapping[str, Any]] = {
    "waiting_times": [5_000, 20_000, 50_000],
    "t_max": 100_000,
}


def _piece(
    run: str,
    part: str,
    hours: float,
    experiment: str,
    variant: str,
    engine: str,
    *,
    quenched: str | None = None,
    dataset: str = "mnist",
    **changes: Any,
) -> RunPiece:
    if engine != "cpu":
        run, changes = (
            f"{run}-{engine}",
            {**changes, "engine": engine, **({"skin": False} if "skin" in changes else {})},
        )
    return RunPiece(run, part, hours, experiment, variant, changes, dataset, quenched)


def _relaxation(phase: str, temperatures: tuple[float, ...], engine: str) -> Iterator[Piece]:
    """Relaxation from the 7000-epoch networks, a temperature a piece."""
    for temperature in temperatures:
        yield _piece(
            f"relaxation-mnist-{phase}-7000-epochs",
            f"T-{temperature:g}",
            1.0,
            "relaxation",
            phase,
            engine,
            quenched=f"mnist-{phase}-7000-epochs.zip",
            replicas=4,
            temperatures=[temperature],
            **_TIMES,
        )


def _depths(engine: str) -> Iterator[Piece]:
    """Overparameterised networks by the data loss at which the quench stops; the first piece of each has the quench.

    "1e-9" are the committed networks: three below 1e-9 and one at 4.4e-9.
    """
    for depth in (1e-5, 1e-6, 1e-9):
        deepest = depth == 1e-9
        for temperature in (0.0, 1e-8, 1e-6):
            yield _piece(
                f"relaxation-mnist-overparameterised-{depth:g}",
                f"T-{temperature:g}",
                0.5 if deepest or temperature > 0.0 else 2.0,
                "relaxation",
                "overparameterised",
                engine,
                quenched="mnist-overparameterised.zip" if deepest else None,
                replicas=4,
                temperatures=[temperature],
                waiting_times=[20_000],
                t_max=100_000,
                skin=True,
                stop_loss=None if deepest else depth,
                check_epochs=None if deepest else 100,
            )


def _sgd_displacement(engine: str) -> Iterator[Piece]:
    """Displacement under SGD to 1e7 steps; beside each batch size the control with replacement, and all rows."""
    for batch_size, hours in ((16, 0.7), (32, 0.9), (64, 1.2), (100, 1.6)):
        yield _piece(
            "sgd_displacement-mnist-1e7",
            f"b-{batch_size}",
            hours,
            "sgd_displacement",
            "",
            engine,
            quenched="mnist-regularised-7000-epochs.zip",
            replicas=4,
            batch_sizes=[batch_size],
            controls=[batch_size],
            waiting_times=[0, 200_000],
            t_max=10_000_000,
            max_rows=1_000_000_000,
        )


def _larger_step(engine: str) -> Iterator[Piece]:
    """The regularised phase at ten times the learning rate, to mu t = 1000 (Q_inf, C9).

    T = 0.1 and 1e-3 come first: with the pieces at mu = 1e-3 and equal mu t they show that both rates agree.
    """
    for temperature in (0.1, 1e-3, 1.0, 0.01):
        yield _piece(
            "relaxation-mnist-regularised-mu-0.01",
            f"T-{temperature:g}",
            1.0,
            "relaxation",
            "regularised",
            engine,
            quenched="mnist-regularised-7000-epochs.zip",
            replicas=4,
            temperatures=[temperature],
            learning_rate=1e-2,
            waiting_times=[500, 2_000, 5_000],
            t_max=100_000,
        )


def _n_star(engine: str) -> Iterator[Piece]:
    """Widths around N*, five initial conditions more a piece; each goes on from the units of the one before."""
    for replicas in (5, 10, 15, 20):
        for width, hours in ((48, 0.9), (54, 1.1), (60, 1.3), (72, 1.6)):
            yield _piece(
                f"phase_diagram-mnist-width-{width}",
                f"replicas-{replicas}",
                hours,
                "phase_diagram",
                "width",
                engine,
                replicas=replicas,
                widths=[width],
                epochs=[7_000, 17_000],
            )


def _cifar10(engine: str) -> Iterator[Piece]:
    for temperature in (0.0, 1e-4, 1e-2):
        yield _piece(
            "relaxation-cifar10-regularised",
            f"T-{temperature:g}",
            1.2,
            "relaxation",
            "regularised",
            engine,
            dataset="cifar10",
            replicas=2,
            temperatures=[temperature],
            waiting_times=[5_000],
            t_max=50_000,
        )


def compute(todo: list[Piece], work: Path, kept: Path, hours: float | None, say: Callable[[str], None] = print) -> bool:
    """Make pieces in their order until all are kept or the time is over; True where all are.

    Args:
        todo: the list.
        work: folder of unfinished pieces.
        kept: folder of finished ones; a file there is never written again.
        hours: None for no end.
        say: hears of each piece.
    """
    end = None if hours is None else time.monotonic() + 3600 * hours
    try:
        for piece in todo:
            file = piece.kept(kept)
            if file.exists():
                continue
            _tick(end)
            say(f"{piece.name}: {piece.share(work):.0%} done, about {piece.hours:g} h of one core in all")
            piece.make(work, file, partial(_tick, end))
            say(f"{piece.name}: finished, {file}")
    except KeyboardInterrupt:
        say(f"Stopped. Unfinished pieces are kept in {work}; the same command goes on.")
        return False
    return True


def _tick(end: float | None) -> None:
    if end is not None and time.monotonic() > end:
        raise KeyboardInterrupt


def standing(todo: list[Piece], work: Path, kept: Path) -> Iterator[tuple[str, str, float]]:
    """How each piece stands: its name, its state in words, and the hours of one core that it still takes."""
    committed = _tracked(kept)
    for piece in todo:
        file = piece.kept(kept)
        if file.exists():
            yield piece.name, "committed" if file in committed else "finished, to be committed", 0.0
        elif share := piece.share(work):
            yield piece.name, f"{share:.0%} done", piece.hours * (1.0 - share)
        else:
            yield piece.name, "to do", piece.hours


def _tracked(folder: Path) -> set[Path]:
    """The files in a folder that git tracks; none where there is no git."""
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--full-name", str(folder)]
    with suppress(OSError):
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return {REPOSITORY / name for name in listed.split("\0") if name}
    return set()


def _say_standing(todo: list[Piece], work: Path) -> None:
    found = list(standing(todo, work, KEPT))
    for name, state, hours in found:
        print(f"{name:<62} {state:<26} {duration(3600 * hours) if hours else ''}")
    to_do = [name for name, _, hours in found if hours]
    total = sum(hours for _, _, hours in found)
    print(f"{len(found) - len(to_do)} of {len(found)} pieces finished; {total:.1f} hours of one core to go, about.")
    who = holder(CAMPAIGN_LOCK)
    print(f"Running ({who}): {to_do[0]}" if who and to_do else "Not running; to go on: make campaign HOURS=2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=None, help="stop after so many; without it when all is done")
    parser.add_argument("--engine", choices=("cpu", "triton"), default="cpu")
    parser.add_argument("--work", type=Path, default=WORK, help=f"folder of unfinished pieces, {WORK} by default")
    parser.add_argument("--status", action="store_true", help="only say how each piece stands")
    asked = parser.parse_args()
    todo = pieces(asked.engine)
    try:
        if asked.status:
            _say_standing(todo, asked.work)
            return
        if asked.hours is not None:
            _check.number("hours", asked.hours, positive=True)
        os.nice(19)
        # A shell makes what it starts in the background deaf to SIGINT, by which a campaign is stopped.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if (who := holder(CAMPAIGN_LOCK)) is not None:
            raise ValueError(f"a campaign runs on this machine already ({who}): wait for it, or stop it by Ctrl-C")
        with held(CAMPAIGN_LOCK, "the campaign"):
            compute(todo, asked.work, KEPT, asked.hours, partial(print, flush=True))
    except (ValueError, ImportError, OSError) as error:
        raise SystemExit(f"Error: {error}") from None


if __name__ == "__main__":
    main()

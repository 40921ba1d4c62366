"""The command that shows a run while it is being made."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from glassnet._text import counted, duration
from glassnet.cli.opening import Looking, OwnClass, experiment_in
from glassnet.cli.working import make_console, refusing

if TYPE_CHECKING:
    from glassnet.runs.watch import Standing, Status

_REFRESH_SECONDS: Final = 2.0
_BAR: Final = 12


def watch(
    run: Annotated[Path, typer.Argument(help="Folder of a run that another process works on.")],
    experiment: OwnClass = None,
    *,
    looking: Looking,
) -> None:
    """Show a run while it is being made: how far each temperature is, its loss, Q and tau_90 so far, and time left.

    Ends with the run, or with Ctrl-C, which does the run no harm. Where the output is no terminal, one look is printed.
    """
    from glassnet.runs.watch import Watch

    console = make_console()
    with refusing():
        watched = Watch(run, None if experiment is None else experiment_in(experiment)).showing(**looking._asdict())
        look = watched.look()
        if not console.is_terminal:
            console.print(_shown(run, look))
            return
        with Live(_shown(run, look), console=console, auto_refresh=False) as live:
            try:
                while not look.complete:
                    time.sleep(_REFRESH_SECONDS)
                    look = watched.look()
                    live.update(_shown(run, look), refresh=True)
            except KeyboardInterrupt:
                return


def _shown(run: Path, look: Status) -> Group:
    from glassnet.runs.watch import MOST_POINTS

    under_way = [point for point in look.points if 0.0 < point.share < 1.0]
    rows = look.points if len(look.points) <= MOST_POINTS else under_way[:MOST_POINTS]
    lines = [Text(_headline(run, look))]
    if len(rows) < len(look.points):
        done = sum(point.share >= 1.0 for point in look.points)
        waiting = len(look.points) - done - len(under_way)
        lines.append(Text(f"{counted(len(look.points), 'point')}: {done} done, {len(under_way)} begun, {waiting} not"))
    lines += [Text(f"Cannot be read: {problem}", style="red") for problem in look.problems]
    return Group(*lines, _table(rows)) if rows else Group(*lines)


def _headline(run: Path, look: Status) -> str:
    share = f"{100.0 * look.share:.1f} %"
    if look.complete:
        return f"{run}: complete"
    if look.worker is None:
        return f"{run}: {share}, nobody works on it here; to go on: glassnet resume {shlex.quote(str(run))}"
    left = "time left not known yet" if look.seconds_left is None else f"{duration(look.seconds_left)} left"
    return f"{run}: {share}, {left}, {look.worker} works on it"


def _table(points: tuple[Standing, ...] | list[Standing]) -> Table:
    from glassnet.runs.table import short

    of_relaxation = any(point.found.overlap is not None for point in points)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("point")
    table.add_column("")
    for name in ("step", "loss", "t", *(("Q", "tau_90") if of_relaxation else ()), "MSD", "diverged"):
        table.add_column(name, justify="right")
    for point in points:
        found = point.found
        tau = [short(found.overlap), short(found.tau_90)] if of_relaxation else []
        lost = f"{found.n_lost} of {point.n_replicas}" if found.n_lost else "-"
        cells = [short(found.data_loss), "-" if found.t is None else str(found.t), *tau, short(found.msd), lost]
        table.add_row(point.label, _bar(point.share), _step(point), *cells)
    return table


def _step(point: Standing) -> str:
    if point.share >= 1.0:
        return "done"
    if point.share and point.step == point.n_steps:
        return f"{round(point.share * point.n_replicas)} of {counted(point.n_replicas, 'replica')}"
    return f"{point.step} of {point.n_steps}" if point.share else "-"


def _bar(share: float) -> Text:
    full = int(share * _BAR)
    return Text("━" * full, style="green") + Text("─" * (_BAR - full), style="dim")

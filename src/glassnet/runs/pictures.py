"""Figures of a run: how each is drawn, and where they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet._text import said
from glassnet.figures import conditions as by_condition
from glassnet.figures.style import check_formats, save
from glassnet.runs.table import MOST_LINES, chi_of, units_table, waiting_time_of
from glassnet.simulate.axes import AT_TIMES
from glassnet.simulate.labelled import PREFIX
from glassnet.simulate.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.runs.run import Run

Pictures = dict[str, Callable[[], "Figure"]]
"""How each figure is drawn, by the name of its file; one that cannot be drawn says so in its turn."""


@dataclass(frozen=True)
class Drawn:
    """Figures that were written, and those that could not be drawn.

    Args:
        files: those that were written, figure after figure.
        failed: why a figure could not be drawn or written, by its name.
    """

    files: list[Path] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)


def usual_pictures(run: Run[Any]) -> Pictures:
    """Figures of any experiment: overlap, displacement, loss and statistics of each measurement, losses elsewhere.

    Raises:
        ValueError: nothing that can be drawn is done.
    """
    records = {said(key): record for key, record in run.records.items()}
    waits = {name: waiting_time_of(run, record) for name, record in records.items()}
    seen = {name: record for name, record in records.items() if chi_of(run, record) is not None}
    losses = _losses(run)
    made: Pictures = {}
    if seen and run.look.chi is not None:
        made["overlap"] = partial(by_condition.draw_overlap, seen, waits, chi=run.look.chi)
    if records:
        made["mean_square_displacement"] = partial(by_condition.draw_mean_square_displacement, records, waits)
        made["loss"] = partial(by_condition.draw_loss, records, waits)
    for variable, having in _statistics(records).items():
        made[variable] = partial(by_condition.draw_statistic, having, waits, name=variable.removeprefix(PREFIX))
    if losses:
        made["losses"] = partial(by_condition.draw_losses, losses)
    if not made:
        raise run.lacks("measurement" if run.request.measured else "unit")
    return made


def _statistics(records: Mapping[str, Record]) -> dict[str, dict[str, Record]]:
    """The records that have each statistic of a user's own that is one number, by the name of its variable."""
    found: dict[str, dict[str, Record]] = {}
    for key, record in records.items():
        for name in record.data.attrs.get("statistics", {}):
            if record.data[PREFIX + name].dims == AT_TIMES:
                found.setdefault(PREFIX + name, {})[key] = record
    return found


def _losses(run: Run[Any]) -> dict[str, list[float]]:
    """Data losses of surviving replicas at the last points that are not recorded, by label."""
    found: dict[str, list[float]] = {}
    for row in units_table(run).rows:
        if isinstance(loss := row.get("data_loss"), float) and row.get("alive") != 0.0:
            found.setdefault(str(row["point"]), []).append(loss)
    return dict(list(found.items())[-MOST_LINES:])


def draw_run(run: Run[Any], folder: Path, formats: Sequence[str]) -> Drawn:
    """Write all figures of a run that can be drawn.

    Raises:
        ValueError: nothing that can be drawn is done; or as :func:`write`.
    """
    text, titles = run.request.captions(run)
    return write(run.request.pictures(run), folder, formats, text, titles)


def write(
    made: Mapping[str, Callable[[], Figure]],
    folder: Path,
    formats: Sequence[str],
    about: str,
    titles: Mapping[str, str] | None = None,
) -> Drawn:
    """Write figures as files named after them; existing ones are replaced.

    Each is drawn by itself: whatever is wrong with one does not take the others with it.

    Args:
        made: how each is drawn.
        folder: made where it is missing.
        formats: any of "png" and "pdf".
        about: the description in each file.
        titles: of figures whose title is not their name.

    Raises:
        ValueError: a format other than "png" or "pdf".
    """
    check_formats(formats)
    drawn = Drawn()
    for name, draw in made.items():
        title = (titles or {}).get(name, name.replace("_", " "))
        try:
            figure = draw()
            folder.mkdir(parents=True, exist_ok=True)
            for kind in formats:
                path = folder / f"{name}.{kind}"
                save(figure, path, title=title, description=about)
                drawn.files.append(path)
        except Exception as error:
            drawn.failed[name] = error
    return drawn


def about(run: Run[Any]) -> str:
    """The numbers of a run in a line, for the metadata of its figures."""
    numbers = ", ".join(f"{name} = {value}" for name, value in run.request.numbers.items())
    return f"{run.request.experiment}: {numbers}"


def complete_records(run: Run[Any]) -> dict[Any, Record]:
    """All records of a run, each with at least one replica.

    Raises:
        ValueError: a measurement has no replica yet.
    """
    records = run.records
    for key, point in run.request.measured.items():
        if key not in records:
            raise run.lacks(point.label)
    return records

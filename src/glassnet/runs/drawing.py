"""The figures of a run, whatever the experiment, and where they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from glassnet.figures import ageing, relaxation
from glassnet.figures import minima as minima_figures
from glassnet.figures import phase_diagram as plane
from glassnet.figures import protocol as protocol_figures
from glassnet.figures import sgd_displacement as sgd
from glassnet.figures import step_size as steps
from glassnet.figures.style import check_formats, save
from glassnet.paper.experiments.ageing import Ageing
from glassnet.paper.experiments.minima import Minima, spectra
from glassnet.paper.experiments.phase_diagram import PhaseDiagram
from glassnet.paper.experiments.protocol import Protocol
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.experiments.sgd_displacement import SgdDisplacement
from glassnet.paper.experiments.step_size import StepSize
from glassnet.paper.losses import losses
from glassnet.runs.run import Run
from glassnet.simulate.record import Record

Pictures = dict[str, Callable[[], Figure]]
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


def pictures(run: Run[Any]) -> Pictures:
    """All figures of a run by itself.

    Raises:
        ValueError: nothing that can be drawn is done.
    """
    request = run.request
    if isinstance(request, Ageing):
        return {"ageing": partial(draw_ageing, run)}
    if isinstance(request, Relaxation):
        return draw_relaxation(run)
    if isinstance(request, PhaseDiagram):
        return draw_phase_diagram(run)
    if isinstance(request, SgdDisplacement):
        named = str(request.dataset)
        return {"sgd_displacement": partial(sgd.draw_sgd_displacement, measured(run), dataset=named)}
    if isinstance(request, StepSize):
        return {"step_size": partial(steps.draw_step_size, measured(run))}
    if isinstance(request, Minima):
        return draw_minima(run)
    if isinstance(request, Protocol):
        records = measured(run)
        where = {"waiting_time": request.waiting_time}
        draw = protocol_figures.draw_protocol
        return {"protocol": partial(draw, records["quench"], records["langevin"], **where)}
    raise ValueError(f"{run.path}: no figure is known for the experiment {request.experiment!r}")


def draw_run(run: Run[Any], folder: Path, formats: Sequence[str]) -> Drawn:
    """Write all figures of a run that can be drawn.

    Raises:
        ValueError: as :func:`pictures` and :func:`write`.
    """
    request = run.request
    if isinstance(request, Relaxation) and not isinstance(request, Ageing):
        text = relaxation.description(whole(run), request.shown_chi, request.shown_waiting_time)
        return write(pictures(run), folder, formats, text, relaxation.CAPTIONS)
    return write(pictures(run), folder, formats, about(run))


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


def measured(run: Run[Any]) -> dict[Any, Record]:
    """All records of a run that must be whole.

    Raises:
        ValueError: a measurement has no replica yet.
    """
    records = run.records
    for key, point in run.request.measured.items():
        if key not in records:
            raise run.lacks(point.label)
    return records


def draw_relaxation(run: Run[Any]) -> Pictures:
    """The figures of a relaxation run."""
    shown = {"chi": run.request.shown_chi, "waiting_time": run.request.shown_waiting_time}
    return relaxation.drawings_of(whole(run), **shown)


def whole(run: Run[Any]) -> Record:
    """The record of all temperatures that any replica has.

    Raises:
        ValueError: no measurement has a replica yet.
    """
    if not run.records:
        raise run.lacks("measurement")
    return run.record


def draw_ageing(run: Run[Any]) -> Figure:
    """The figure of an ageing run."""
    request = run.request
    return ageing.draw_ageing(whole(run), chi=request.shown_chi, temperature=request.shown_temperature)


def draw_phase_diagram(run: Run[Any]) -> Pictures:
    """The plane, if there is one, and else the line.

    Raises:
        ValueError: no minimum is there, or none that did not diverge.
    """
    table, request = losses(run), run.request
    if not np.isfinite(table["total_loss"].values).any():
        if run.done:
            raise ValueError(f"{run.path} has no loss to draw: every network diverged")
        raise run.lacks("minimum")
    if len(request.widths) > 1 and len(request.l2s) > 1:
        return {"plane": partial(plane.draw_plane, table)}
    if len(request.widths) > 1:
        return {"width_line": partial(plane.draw_width_line, table)}
    return {"l2_line": partial(plane.draw_l2_line, table)}


def draw_minima(run: Run[Any]) -> Pictures:
    """Weights, losses and distances; the ends of the Hessian's spectrum."""
    request = run.request
    ends = spectra({l2: run.results(request.hessian(l2)) for l2 in request.l2s}, request.eigenvalues)
    made: Pictures = {"minima": partial(_draw_minima, run)}
    if np.isfinite(ends["smallest"].values).any():
        made["spectrum"] = partial(minima_figures.draw_spectrum, ends)
    return made


def _draw_minima(run: Run[Any]) -> Figure:
    request = run.request
    ensembles = {l2: run.ensemble(request.minimum(l2)) for l2 in request.l2s}
    results = {l2: run.results(request.minimum(l2)) for l2 in request.l2s}
    data_loss = {l2: np.array([one["data_loss"] for one in found.values()]) for l2, found in results.items()}
    return minima_figures.draw_minima(ensembles, data_loss, dataset=str(request.dataset))

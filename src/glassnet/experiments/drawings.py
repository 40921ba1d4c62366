"""The figures of a run, whatever the experiment, and where they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from glassnet.experiments.ageing import Ageing
from glassnet.experiments.losses import losses
from glassnet.experiments.minima import Minima, spectra
from glassnet.experiments.phase_diagram import PhaseDiagram
from glassnet.experiments.protocol import Protocol
from glassnet.experiments.relaxation import Relaxation
from glassnet.experiments.sgd_displacement import SgdDisplacement
from glassnet.experiments.step_size import StepSize
from glassnet.experiments.view import Run
from glassnet.figures import ageing, relaxation
from glassnet.figures import minima as minima_figures
from glassnet.figures import phase_diagram as plane
from glassnet.figures import protocol as protocol_figures
from glassnet.figures import sgd_displacement as sgd
from glassnet.figures import step_size as steps
from glassnet.figures.style import check_formats, save
from glassnet.record import Record

Pictures = dict[str, Figure]
"""Figures by the name of their file."""


def pictures(run: Run[Any]) -> Pictures:
    """All figures of a run by itself.

    Raises:
        ValueError: nothing that can be drawn is done.
    """
    request = run.request
    if isinstance(request, Ageing):
        return {"ageing": draw_ageing(run)}
    if isinstance(request, Relaxation):
        return draw_relaxation(run)
    if isinstance(request, PhaseDiagram):
        return draw_phase_diagram(run)
    if isinstance(request, SgdDisplacement):
        return {"sgd_displacement": sgd.draw_sgd_displacement(measured(run), dataset=str(request.dataset))}
    if isinstance(request, StepSize):
        return {"step_size": steps.draw_step_size(measured(run))}
    if isinstance(request, Minima):
        return draw_minima(run)
    if isinstance(request, Protocol):
        records = measured(run)
        where = {"waiting_time": request.waiting_time}
        return {"protocol": protocol_figures.draw_protocol(records["quench"], records["langevin"], **where)}
    raise ValueError(f"{run.path}: no figure is known for the experiment {request.experiment!r}")


def draw_run(run: Run[Any], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write all figures of a run.

    Raises:
        ValueError: as :func:`pictures` and :func:`write`.
    """
    request = run.request
    if isinstance(request, Relaxation) and not isinstance(request, Ageing):
        shown: dict[str, Any] = {"chi": request.shown_chi, "waiting_time": request.shown_waiting_time}
        return relaxation.draw_all(whole(run), folder, formats=formats, **shown)
    return write(pictures(run), folder, formats, about(run))


def write(made: Mapping[str, Figure], folder: Path, formats: Sequence[str], about: str) -> list[Path]:
    """Write figures as files named after them; existing ones are replaced.

    Raises:
        ValueError: a format other than "png" or "pdf".
    """
    check_formats(formats)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{name}.{kind}" for name in made for kind in formats]
    for path in written:
        save(made[path.stem], path, title=path.stem.replace("_", " "), description=about)
    return written


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


def draw_relaxation(run: Run[Any], names: Sequence[str] = ()) -> Pictures:
    """The figures of a relaxation run, or those of these names."""
    shown = {"chi": run.request.shown_chi, "waiting_time": run.request.shown_waiting_time}
    drawn = relaxation.drawings_of(whole(run), **shown)
    return {name: draw() for name, draw in drawn.items() if not names or name in names}


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
    """The plane, if there is one, and else the line."""
    table, request = losses(run), run.request
    if not np.isfinite(table["total_loss"].values).any():
        raise run.lacks("minimum")
    if len(request.widths) > 1 and len(request.l2s) > 1:
        return {"plane": plane.draw_plane(table)}
    if len(request.widths) > 1:
        return {"width_line": plane.draw_width_line(table)}
    return {"l2_line": plane.draw_l2_line(table)}


def draw_minima(run: Run[Any]) -> Pictures:
    """Weights, losses and distances; the ends of the Hessian's spectrum."""
    request = run.request
    ensembles = {l2: run.ensemble(request.minimum(l2)) for l2 in request.l2s}
    results = {l2: run.results(request.minimum(l2)) for l2 in request.l2s}
    data_loss = {l2: np.array([one["data_loss"] for one in found.values()]) for l2, found in results.items()}
    made = {"minima": minima_figures.draw_minima(ensembles, data_loss, dataset=str(request.dataset))}
    ends = spectra({l2: run.results(request.hessian(l2)) for l2 in request.l2s}, request.eigenvalues)
    if np.isfinite(ends["smallest"].values).any():
        made["spectrum"] = minima_figures.draw_spectrum(ends)
    return made

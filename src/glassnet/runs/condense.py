"""Condense a run: write one small file with all that its figures and claims need.

Kept at the shown waiting time only: displacements, reference weights, and histograms at T > 0 (those at T = 0 are kept
at all waiting times, as the null of ageing). Dropped: weights of units whose results alone are used, odd moments, and
displacements at all snapshots but the first and the last. All numbers but counts are rounded, by less than replicas
differ. The file has about a tenth of the run's size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.runs.experiment import Experiment
from glassnet.runs.look import kept_waiting_time
from glassnet.runs.plan import Member
from glassnet.runs.run import Run, cut
from glassnet.runs.table import waiting_time_of
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.record import Record
from glassnet.store.condensed import (
    Beside,
    CondensedRun,
    CondensedUnit,
    condensed_in,
    write_condensed,
)
from glassnet.store.directory import Identity

BITS: Final = {"replicas": 16, "references": 8, "final_weights": 8, "displacement": 10}
"""Binary digits of the mantissa that are kept, where they are not ``OTHER_BITS``; "replicas" without a record."""

OTHER_BITS: Final = 11
"""Rounds to 2.4e-4 of a value at most."""

DIGITS: Final = 9
"""Decimal digits of results that are kept."""

_COUNTS: Final = ("within_chi", "within_epsilon", "histogram")


def condense(run: Run[Any], path: Path) -> None:
    """Write a run to one file, which :func:`open_run` reads; an existing one is replaced.

    Units that another condensed run in the same folder holds, seen at the same waiting time, are left there.

    Args:
        run: what is done of it is kept.
        path: the file, whose folder is made where it is missing.

    Raises:
        ValueError: nothing is done yet, a unit is damaged, or the run is a condensed one itself.
        OSError: the file cannot be written.
    """
    if run.is_condensed:
        raise ValueError(f"run must be the folder of a run, but {run.path} is condensed already")
    beside = [other for other in condensed_in(path.parent) if other.path.name != path.name]
    _write(run, path, beside)


def join(runs: Sequence[Run[Any]], path: Path, experiment: type[Experiment] | None = None) -> Run[Any]:
    """Write several runs that are pieces of one to one file, which needs none of them; an existing one is replaced.

    Args:
        runs: folders or condensed ones, which differ in temperatures, replicas and other lists of points only.
        path: the file, whose folder is made where it is missing.
        experiment: class of their experiment, where it is a user's own.

    Returns:
        The pieces as one run, as they were read.

    Raises:
        ValueError: they are not of one run, naming what differs; nothing is done yet, or a unit is damaged.
        OSError: the file cannot be written.
    """
    look = runs[0].look
    run: Run[Any] = Run(path, pieces=runs, experiment=experiment)
    run = run.showing(chi=look.chi, waiting_time=look.waiting_time)
    _write(run, path, [])
    return run


def _write(run: Run[Any], path: Path, beside: Sequence[CondensedRun]) -> None:
    if not run.done:
        raise run.lacks("unit")
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = run.look.waiting_time
    about = {"bits": BITS, "other_bits": OTHER_BITS, "digits": DIGITS, "waiting_time": kept}
    alike = [other for other in beside if kept_waiting_time(other.describe()) == kept]
    write_condensed(path, {**run.description, "condensed": about}, _units(run, alike))


def _units(run: Run[Any], beside: Sequence[CondensedRun]) -> Iterator[tuple[Identity, CondensedUnit | Beside]]:
    request = run.request
    drawn = {*request.measured.values(), *request.replicas_shown}
    for member in run.members:
        identity, wanted = run.identity(member), member.point in drawn
        end = member.point.n_steps
        holder = next((other for other in beside if other.holds(identity, end, value=wanted)), None)
        if holder is not None:
            yield identity, Beside(holder.path.name, end)
            continue
        unit = run.unit(member)
        value = _thinned(unit.value, member, run) if wanted and unit.value is not None else None
        yield identity, CondensedUnit(value, end, _shortened(unit.results))


def _thinned(value: Any, member: Member, run: Run[Any]) -> Ensemble | Record:
    if isinstance(value, Ensemble):
        return _rounded_ensemble(value, BITS["replicas"])
    record = cut(value, member.point.n_steps)
    data, references = record.data.copy(), record.references
    data["moments"] = data["moments"].where(data["moment"] % 2 == 0)
    if run.look.waiting_time is not None and "temperature" in data.coords:  # of SGD all is kept
        shown = data["waiting_time"] == waiting_time_of(run, record)
        data["histogram"] = data["histogram"].where(shown | (data["temperature"] == 0))
        data["displacement"] = _first_and_last(data["displacement"].where(shown))
        references = np.where(shown.values[:, None, None], references, np.nan)
    for name, variable in data.data_vars.items():
        if name not in _COUNTS:
            data[name] = variable.copy(data=_rounded(variable.values, BITS.get(str(name), OTHER_BITS)))
    ensemble = _rounded_ensemble(record.ensemble, BITS["final_weights"])
    return Record(data, ensemble, _rounded(references, BITS["references"]))


def _first_and_last(displacement: xr.DataArray) -> xr.DataArray:
    """The snapshots at which anything was seen; there are none at times that lie beyond the end."""
    seen = displacement["snapshot_time"].values[displacement.notnull().any(["replica", "waiting_time", "weight"])]
    return displacement.where(displacement["snapshot_time"].isin([*seen[:1], *seen[-1:]]))


def _rounded_ensemble(ensemble: Ensemble, bits: int) -> Ensemble:
    return replace(ensemble, weights=_rounded(ensemble.weights, bits), state={})


def _rounded(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """The nearest floating-point numbers of so many binary digits, ties to even; what is not finite stays."""
    word = np.ascontiguousarray(values).view(f"u{values.itemsize}")
    drop = int(np.finfo(values.dtype).nmant) - bits
    odd = (word >> drop) & 1
    nearest: NDArray[Any] = ((word + (1 << (drop - 1)) - 1 + odd) >> drop) << drop
    return np.where(np.isfinite(values), nearest.view(values.dtype), values)


def _shortened(results: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.{DIGITS}g}") for name, value in results.items()}

"""What a relaxation run found, in two tables: a row a temperature, and a row a quenched replica."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import xarray as xr

from glassnet.analysis import ensemble_mean, relaxation_time
from glassnet.observables import mean_square_displacement, overlap
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs.point import Measure
from glassnet.runs.run import Run
from glassnet.simulate.record import Record
from glassnet.store.placing import write_bytes

Row = dict[str, float | int | str | None]


def temperature_rows(run: Run[Relaxation]) -> list[Row]:
    """From hot to cold, at the waiting time and chi that the run shows.

    ``tau_90`` in steps with its 95 % interval ``low`` to ``high`` and what it is of, the ``outcome`` of the mean
    curve, the mean overlap ``q`` and mean square displacement ``msd`` at time ``t``, ``data_loss`` and
    ``test_loss`` (where there is a test set) at that time, and of ``n_replicas`` how many are behind it (``n_used``)
    or were lost (``n_lost``). With a skin ``missed_wakings``, of all replicas since the quench.
    """
    return [_temperature_row(run, temperature, record) for temperature, record in run.records.items()]


def _temperature_row(run: Run[Relaxation], temperature: float, record: Record) -> Row:
    request = run.request
    at = {"waiting_time": [request.shown_waiting_time]}
    q = overlap(record, chi=request.shown_chi).sel(at)
    tau = relaxation_time(q, 0.9).squeeze("waiting_time")
    end = {"time": request.t_max}
    mean_q = ensemble_mean(q).squeeze("waiting_time").sel(end)
    msd = ensemble_mean(mean_square_displacement(record).sel(at)).squeeze("waiting_time").sel(end)
    losses = {
        name: _mean(record.data[name].sel(at).sel(end)) for name in ("data_loss", "test_loss") if name in record.data
    }
    return {
        "temperature": temperature,
        "tau_90": _plain(tau["estimate"]),
        "low": _plain(tau["low"]),
        "high": _plain(tau["high"]),
        "tau_90_of": str(tau["estimate_of"].item()),
        "outcome": str(tau["outcome_of_mean"].item()),
        "t": request.t_max,
        "q": _plain(mean_q["mean"]),
        "msd": _plain(msd["mean"]),
        **losses,
        "n_replicas": len(record.ensemble),
        "n_used": int(tau["n_used"]),
        "n_lost": int(tau["n_lost"]),
        **({"missed_wakings": int(record.data.missed_wakings.sum())} if request.skin else {}),
    }


def quench_rows(run: Run[Relaxation]) -> list[Row]:
    """A row a replica: losses, accuracies, share of awake rows, epochs, sigma, and whether it diverged or is dead."""
    quenched, results = run.quenched, run.quench_results
    epoch = run.request.samples // run.request.batch_size
    sigma = quenched.weights.std(axis=1, dtype="float64")
    rows: list[Row] = []
    for i, origin in enumerate(quenched.origin.tolist()):
        seen = {name: _plain(value) for name, value in results[origin].items() if name not in ("alive", "dead")}
        rows.append(
            {
                "origin": origin,
                "epochs": int(quenched.step[i]) / epoch,
                "diverged": int(not quenched.alive[i]),
                "dead": int(results[origin]["dead"]),
                "sigma": float(sigma[i]),
                **seen,
            }
        )
    return rows


def unit_rows(run: Run[Any]) -> list[Row]:
    """A row a unit of those of which something was evaluated, losses above all: the point, the origin, the numbers."""
    return [
        {"point": point.label, "origin": origin, **{name: _plain(value) for name, value in sorted(found.items())}}
        for point in run.request.points()
        if not isinstance(point.stage, Measure)
        for origin, found in run.results(point).items()
    ]


def summary_files(run: Run[Any]) -> dict[str, bytes]:
    """What ``summary.json`` and ``summary.csv`` of the run's folder are to hold.

    Of relaxation the rows of temperatures, and in JSON those of the quench too; of other experiments those of units.
    A number that does not exist is null or empty, infinity is the text "inf".
    """
    if isinstance(run.request, Relaxation):
        rows = temperature_rows(run)
        tables = {"temperatures": rows, "quench": quench_rows(run)}
    else:
        rows = unit_rows(run)
        tables = {"units": rows}
    text = io.StringIO()
    writer = csv.DictWriter(
        text, fieldnames=list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    plain = json.dumps(tables, indent=2, allow_nan=False) + "\n"
    return {"summary.json": plain.encode(), "summary.csv": text.getvalue().encode()}


def write_summary(run: Run[Any]) -> None:
    """Put :func:`summary_files` into the run's folder."""
    for name, content in summary_files(run).items():
        write_bytes(run.path / name, content)


def _plain(value: xr.DataArray | float) -> float | str | None:
    number = float(value)
    if math.isnan(number):
        return None
    return number if math.isfinite(number) else "inf"


def _mean(values: xr.DataArray) -> Any:
    kept = values.dropna("replica")
    return _plain(kept.mean()) if kept.size else None

"""Arrays that the page draws of records: observables of each replica, the counts behind Q, and predictions.

Means, intervals and relaxation times are left to the page: they depend on what its reader chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.analysis.groups import condition_labels
from glassnet.observables import mean_square_displacement, non_gaussian
from glassnet.paper.numbers import PHASE
from glassnet.report.arrays import Arrays, Reference
from glassnet.report.null import nulls
from glassnet.report.saved import SavedRecord
from glassnet.runs.experiment import Curves
from glassnet.runs.run import Run
from glassnet.simulate.axes import AT_TIMES
from glassnet.simulate.dynamics import Sgd
from glassnet.simulate.labelled import PREFIX
from glassnet.simulate.record import Record
from glassnet.theory import brownian, quadratic_well

Payload = dict[str, Any]

HISTORY: Final = ("data_loss", "total_loss", "test_loss", "accuracy", "test_accuracy", "awake", "dead")


@dataclass(frozen=True)
class Detail:
    """How much of records goes into a page.

    Args:
        histograms_from_all: histograms from every waiting time, not from the one shown only.
        all_waits: everything else from every waiting time.
        layers: each layer apart, beside the network as a whole.
        left_out: what is missing, for the reader; empty if nothing is.
    """

    histograms_from_all: bool
    all_waits: bool
    layers: bool
    left_out: str


DETAILS: Final = (
    Detail(True, True, True, ""),
    Detail(False, True, True, "histograms from other waiting times than the one that the run shows"),
    Detail(False, False, True, "other waiting times than the one that the run shows"),
    Detail(False, False, False, "other waiting times than the one that the run shows, and layers by themselves"),
)
"""From all there is to what always fits."""

_CHI: Final = PHASE["mnist", "regularised"].shown_chi
"""Position of the slider where no chi was recorded."""


def curves(run: Run[Any] | SavedRecord, arrays: Arrays, detail: Detail) -> Payload:
    """The figures of a run's records and their numbers; no conditions where nothing is measured yet."""
    shown, look = (run if isinstance(run, SavedRecord) else run.request).report, run.look
    every_has_it = all(look.waiting_time in record.data["waiting_time"].values for record in run.records.values())
    wait = look.waiting_time if every_has_it else None
    labels = condition_labels(run.records)
    expected = nulls(run.records)
    conditions = [_condition(labels[key], record, wait, arrays, detail, shown) for key, record in run.records.items()]
    for key, one in zip(run.records, conditions, strict=True):
        if key in expected:
            at = expected[key].sel(waiting_time=one["waits"])
            one["predictions"] |= {str(name): arrays.floats(_ordered(part)) for name, part in at.items()}
    every: list[list[int]] = [one["waits"] for one in conditions]
    waits = max(every, key=len, default=[])
    return {
        "kind": "curves",
        "figures": [name for name in shown.figures if _can_be_drawn(name, conditions)],
        "vary": shown.vary,
        "conditions": conditions,
        "shown": {
            "chi": look.chi or _CHI,
            "wait": waits.index(wait) if wait in waits else 0,
            "condition": _shown_condition(look.temperature, conditions),
            "clock": shown.clock,
        },
        "statistics": {name: text for record in run.records.values() for name, text in _statistics(record).items()},
        "marker": getattr(run.request, shown.marker) if isinstance(run, Run) and shown.marker else None,
    }


def _statistics(record: Record) -> dict[str, str]:
    """The user's statistics of a record that are one number at each time: what they are called, by their variables."""
    return {
        PREFIX + name: f"{name}, {about['unit']}" if about["unit"] else name
        for name, about in record.data.attrs.get("statistics", {}).items()
        if record.data[PREFIX + name].dims == AT_TIMES
    }


def _ordered(values: xr.DataArray) -> NDArray[Any]:
    """The values of the null in the order in which the page reads them."""
    return values.transpose("chi", "waiting_time", "time", "level", missing_dims="ignore").values


def _shown_condition(temperature: float | None, conditions: list[Payload]) -> int:
    """The position of the one that is drawn where there is room for one only: usually the coldest above T = 0."""
    found = [i for i, one in enumerate(conditions) if one["temperature"] == temperature]
    return found[0] if temperature is not None and found else max(0, len(conditions) - 2)


def _can_be_drawn(figure: str, conditions: list[Payload]) -> bool:
    def somewhere(name: str) -> bool:
        return any(name in one["arrays"] for one in conditions)

    n_waits = max((len(one["waits"]) for one in conditions), default=0)
    n_chi = max((len(one["chi"]) for one in conditions), default=0)
    temperatures = [one["temperature"] for one in conditions if one["temperature"] is not None]
    n_warm = sum(map(bool, temperatures))
    wanted = {
        "tau": bool(temperatures),
        "overlap": somewhere("within") or somewhere("histogram"),
        "left": n_warm > 1,
        "sensitivity": n_chi > 1 and n_warm > 1,
        "ageing": n_waits > 1,
        "ageing_tau": n_waits > 1,
        "mobility": somewhere("histogram"),
    }
    return bool(conditions) and wanted.get(figure, True)


def _condition(label: str, record: Record, wait: int | None, arrays: Arrays, detail: Detail, shown: Curves) -> Payload:
    data, layers = record.data, detail.layers and shown.layers
    if not detail.all_waits and wait is not None:
        data = data.sel(waiting_time=[wait])
        record = Record(data, record.ensemble, record.references)
    dynamics = record.dynamics
    temperature = float(data["temperature"].values[0]) if "temperature" in data.coords else None
    waits = data.waiting_time.values.tolist()
    made: dict[str, Reference] = {
        "msd": arrays.floats(_by_layer(mean_square_displacement, record, layers)),
        "alpha": arrays.floats(_by_layer(non_gaussian, record, layers)),
        "within": arrays.counts(_pooled(data["within_chi"], layers)),
        "histogram": _histogram(data, arrays, layers, None if detail.histograms_from_all else wait),
    }
    if "history" in shown.figures:
        made |= {
            name: arrays.floats(data[name].transpose("replica", "waiting_time", "time").values)
            for name in (*HISTORY, *_statistics(record))
            if name in data and data[name].notnull().any()
        }
    return {
        "label": label,
        "temperature": temperature,
        "rate": float(data["learning_rate"].values[0]),
        "epoch": _epoch(dynamics, data),
        "seed": data["seed"].values.tolist(),
        "origin": data["origin"].values.tolist(),
        "lost_at": data["lost_at"].values.tolist(),
        "sigma": [float(sigma) if np.isfinite(sigma) else None for sigma in data["sigma"].values],
        "waits": waits,
        "times": data.time.values.tolist(),
        "sparse": data.sparse_time.values.tolist(),
        "chi": data.chi.values.tolist(),
        "edges": _spaced(data["bin_edge"].values),
        "n_weights": data["n_layer_weights"].values.tolist(),
        "layer_names": record.ensemble.network.layer_names,
        "layers": layers,
        "arrays": {name: one for name, one in made.items() if 0 not in one["shape"]},
        "predictions": _predictions(data, temperature, arrays),
    }


def _spaced(values: NDArray[Any]) -> dict[str, float]:
    """Edges evenly spaced in their logarithm: the first, the last, and how many steps lie between."""
    return {"first": float(values[0]), "last": float(values[-1]), "steps": len(values) - 1}


def _epoch(dynamics: Any, data: xr.Dataset) -> int:
    return int(data.attrs["n_samples"]) // int(dynamics.batch_size) if isinstance(dynamics, Sgd) else 1


def _by_layer(observable: Any, record: Record, layers: bool) -> NDArray[Any]:
    """``(layer, replica, waiting_time, time)``, the whole network first."""
    n = record.data.sizes["layer"] if layers else 0
    parts = [observable(record), *(observable(record, layers=[layer]) for layer in range(n))]
    return np.stack([part.transpose("replica", "waiting_time", "time").values for part in parts])


def _pooled(counts: xr.DataArray, layers: bool) -> NDArray[Any]:
    """``(chi, layer, replica, waiting_time, time)``; a single layer, all of them together, where they are not apart."""
    if not layers:
        counts = counts.sum("layer", skipna=False).expand_dims("layer")
    return np.asarray(counts.transpose("chi", "layer", "replica", "waiting_time", "time").values)


def _histogram(data: xr.Dataset, arrays: Arrays, layers: bool, wait: int | None) -> Reference:
    """``(layer, replica, waiting_time, sparse_time, bin)`` with ``first``, the bin that the first one kept is.

    Bins in which no weight ever is are left out at both ends.
    """
    counts = data["histogram"]
    if wait is not None:
        counts = counts.where(counts.waiting_time == wait)
    if not layers:
        counts = counts.sum("layer", skipna=False).expand_dims("layer")
    values = counts.transpose("layer", "replica", "waiting_time", "sparse_time", "bin").values
    used = np.flatnonzero((np.nan_to_num(values) > 0).any(axis=(0, 1, 2, 3)))
    if not used.size:
        return {"shape": [0]}
    return arrays.counts(values[..., used[0] : used[-1] + 1]) | {"first": int(used[0])}


def _predictions(data: xr.Dataset, temperature: float | None, arrays: Arrays) -> dict[str, Reference]:
    """Mean square displacements ``(waiting_time, time)`` of weights that are free, or in the bowl of l2 alone.

    All displacements are Gaussian, so that Q, tau and densities follow from them.
    """
    if not temperature:
        return {}
    about: dict[str, Any] = {
        "temperature": temperature,
        "learning_rate": float(data["learning_rate"].values[0]),
        "n_samples": data.attrs["n_samples"],
    }
    times, waits = data.time.values.astype(np.float64), data.waiting_time.values.astype(np.float64)
    free = brownian.mean_square_displacement(times, **about)
    found = {"free": np.broadcast_to(free, (len(waits), len(times)))}
    if (l2 := float(data["l2"].values[0])) > 0:
        found["bowl"] = quadratic_well.mean_square_displacement(
            times, stiffness=l2, initial_offset=0.0, waiting_time=waits[:, None], **about
        )
    return {name: arrays.floats(values) for name, values in found.items()}

"""What the page draws of records: per replica what observables give, the counts behind Q, and what theory predicts.

Means, intervals and relaxation times are left to the page: they depend on what its reader chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.observables import mean_square_displacement, non_gaussian
from glassnet.paper.experiments.ageing import Ageing
from glassnet.paper.experiments.protocol import Protocol
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.experiments.sgd_displacement import SgdDisplacement
from glassnet.paper.experiments.step_size import StepSize
from glassnet.report.arrays import Arrays, Reference
from glassnet.report.saved import SavedRecord
from glassnet.runs.run import Run
from glassnet.simulate.dynamics import Sgd
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

_RELAXED: Final = ("overlap", "tau", "master", "left", "sensitivity", "msd", "alpha", "mobility", "history")

_FIGURES: Final[dict[type, tuple[str, ...]]] = {
    Ageing: ("ageing", "ageing_tau", *_RELAXED),
    Relaxation: (*_RELAXED[:5], "ageing", "ageing_tau", *_RELAXED[5:]),
    SgdDisplacement: ("msd", "overlap", "alpha", "mobility", "history"),
    StepSize: ("msd", "overlap", "alpha", "mobility"),
    Protocol: ("history",),
    SavedRecord: (*_RELAXED[:5], "ageing", "ageing_tau", *_RELAXED[5:]),
}


def has_curves(run: Run[Any]) -> bool:
    """Whether the experiment is one that records are drawn of."""
    return type(run.request) in _FIGURES


def curves(run: Run[Any] | SavedRecord, arrays: Arrays, detail: Detail) -> Payload:
    """The figures of a run's records and their numbers; no conditions where nothing is measured yet."""
    request = run if isinstance(run, SavedRecord) else run.request
    layers = detail.layers and not isinstance(request, StepSize)  # every step is saved: seven layers would be too much
    shown = getattr(request, "shown_waiting_time", None)
    conditions = [_condition(request, key, record, arrays, detail, layers) for key, record in run.records.items()]
    every: list[list[int]] = [one["waits"] for one in conditions]
    waits = max(every, key=len, default=[])
    return {
        "kind": "curves",
        "figures": [name for name in _FIGURES[type(request)] if _can_be_drawn(name, conditions)],
        "vary": _VARY[type(request)],
        "conditions": conditions,
        "shown": {
            "chi": getattr(request, "shown_chi", None) or _CHI,
            "wait": waits.index(shown) if shown in waits else 0,
            "condition": _shown_condition(request, list(run.records)),
            "clock": "scaled" if isinstance(request, StepSize) else "steps",
        },
        "marker": request.waiting_time if isinstance(request, Protocol) else None,
    }


_CHI: Final = 300.0
"""At which the slider stands where no chi was recorded: the paper's for the regularised phase."""

_VARY: Final[dict[type, str]] = {
    Ageing: "Temperature",
    Relaxation: "Temperature",
    SgdDisplacement: "Batches",
    StepSize: "Temperature and step size",
    Protocol: "Dynamics",
    SavedRecord: "Temperature",
}


def _shown_condition(request: Any, keys: list[Any]) -> int:
    """The position of the one that is drawn where there is room for one only."""
    wanted = getattr(request, "shown_temperature", None)
    if wanted is None:
        return max(0, len(keys) - 2)
    return keys.index(wanted) if wanted in keys else 0


def _can_be_drawn(figure: str, conditions: list[Payload]) -> bool:
    def somewhere(name: str) -> bool:
        return any(name in one["arrays"] for one in conditions)

    n_waits = max((len(one["waits"]) for one in conditions), default=0)
    n_chi = max((len(one["chi"]) for one in conditions), default=0)
    n_warm = sum(bool(one["temperature"]) for one in conditions)
    wanted = {
        "overlap": somewhere("within") or somewhere("histogram"),
        "left": n_warm > 1,
        "sensitivity": n_chi > 1 and n_warm > 1,
        "ageing": n_waits > 1,
        "ageing_tau": n_waits > 1,
        "mobility": somewhere("histogram"),
    }
    return bool(conditions) and wanted.get(figure, True)


def _condition(request: Any, key: Any, record: Record, arrays: Arrays, detail: Detail, layers: bool) -> Payload:
    data = record.data
    shown = getattr(request, "shown_waiting_time", None)
    if not detail.all_waits and shown in data.waiting_time.values:
        data = data.sel(waiting_time=[shown])
        record = Record(data, record.ensemble, record.references)
    dynamics = record.dynamics
    temperature = float(data["temperature"].values[0]) if "temperature" in data.coords else None
    waits = data.waiting_time.values.tolist()
    made: dict[str, Reference] = {
        "msd": arrays.floats(_by_layer(mean_square_displacement, record, layers)),
        "alpha": arrays.floats(_by_layer(non_gaussian, record, layers)),
        "within": arrays.counts(_pooled(data["within_chi"], layers)),
        "histogram": _histogram(data, arrays, layers, None if detail.histograms_from_all else shown),
    }
    if not isinstance(request, StepSize):
        made |= {
            name: arrays.floats(data[name].transpose("replica", "waiting_time", "time").values)
            for name in HISTORY
            if name in data and data[name].notnull().any()
        }
    return {
        "label": _label(request, key),
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


def _label(request: Any, key: Any) -> str:
    if isinstance(request, SavedRecord):
        return str(key)
    if isinstance(request, Relaxation):
        return f"T = {key:g}"
    if isinstance(request, SgdDisplacement):
        return f"b = {key[1]}" + (", with replacement" if key[0] == "replacement" else "")
    if isinstance(request, StepSize):
        return f"T = {key[0]:g}, μ = {key[1]:g}"
    return "SGD" if key == "quench" else f"Langevin, T = {request.temperature:g}"


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

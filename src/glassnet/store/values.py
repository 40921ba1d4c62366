"""Ensembles and records as arrays with names, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr

from glassnet import _check
from glassnet.landscape.network import network_of
from glassnet.simulate import dynamics
from glassnet.simulate.axes import DIMENSIONS
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.record import Record
from glassnet.simulate.recording import BIN_EDGES, N_BINS, N_MOMENTS
from glassnet.simulate.state import EngineState
from glassnet.store import carried, observed, strict

Value = Ensemble | Record

_REPLICAS: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(("seed", "origin", "noise"), ("replica",))
_ENSEMBLE: Final = {"weights": ("replica", "weight"), "step": ("replica",), "alive": ("replica",)}
_CLOCKS: Final = ("waiting_time", "time", "sparse_time", "snapshot_time")
_RECORD: Final[dict[str, tuple[str, ...]]] = {
    **{name: (name,) for name in (*_CLOCKS, "layer", "moment", "chi", "epsilon", "bin_edge")},
    **dict.fromkeys(("learning_rate", "l2", "entry_step", "sigma", "lost_at"), ("replica",)),
    **dict.fromkeys(("final_step", "final_alive"), ("replica",)),
    **{name: dims for name, dims in DIMENSIONS.items() if not name.startswith("test_")},
    "n_layer_weights": ("layer",),
    "epsilon_of_chi": ("replica", "chi"),
    "references": ("waiting_time", "replica", "weight"),
    "final_weights": ("replica", "weight"),
}
"""Arrays that every record's file has, with their axes; some have more, such as losses of a test set."""

_AXES: Final = {dim for dims in _RECORD.values() for dim in dims}


def to_dataset(value: Value) -> tuple[str, xr.Dataset]:
    """All that a value is, as arrays, and which kind of value it is.

    Raises:
        TypeError: neither an ensemble nor a record.
    """
    if isinstance(value, Ensemble):
        return "ensemble", _ensemble_data(value)
    if isinstance(value, Record):
        return "record", _record_data(value)
    raise TypeError(f"value must be an ensemble or a record, but got {type(value).__name__}")


def from_dataset(kind: str, data: xr.Dataset) -> Value:
    """The value that :func:`to_dataset` took apart.

    Raises:
        ValueError: arrays or attributes are missing, of other axes, or do not belong to one another.
    """
    wanted = _REPLICAS | (_ENSEMBLE if _check.choice("kind", kind, ("ensemble", "record")) == "ensemble" else _RECORD)
    for name, dims in wanted.items():
        if name not in data.variables or data[name].dims != dims:
            there = data[name].dims if name in data.variables else "not there"
            raise ValueError(f"{name} must be an array of axes {', '.join(dims)}, but is {there}")
    state, data = carried.taken_from(data)
    if others := set(data.sizes) - _AXES - (observed.stored_axes(data) if kind == "record" else set()):
        raise ValueError(
            f"axes must be of {', '.join(sorted(_AXES))}, but are {', '.join(sorted(map(str, others)))} too"
        )
    _refuse_too_deep(data)
    return _ensemble_of(data, state) if kind == "ensemble" else _record_of(data, state)


def _ensemble_data(ensemble: Ensemble) -> xr.Dataset:
    variables = {name: ("replica", getattr(ensemble, name)) for name in ("seed", "origin", "noise", "step", "alive")}
    return xr.Dataset(
        {"weights": (("replica", "weight"), ensemble.weights), **variables, **carried.arrays(ensemble.state)},
        attrs={"network": ensemble.network.description},
    )


def _ensemble_of(data: xr.Dataset, state: Mapping[str, EngineState]) -> Ensemble:
    return Ensemble(
        network_of(data.attrs["network"]),
        **{name: data[name].values for name in ("weights", "seed", "origin", "noise", "step", "alive")},
        state=state,
    )


def _record_data(record: Record) -> xr.Dataset:
    state = record.ensemble
    if taken := [name for name in map(str, record.data.variables) if carried.is_stored(name)]:
        raise ValueError(f"record.data must hold no {taken[0]}: engines keep their state under such names")
    return observed.packed(record.data).assign(
        {
            "references": (("waiting_time", "replica", "weight"), record.references),
            "final_weights": (("replica", "weight"), state.weights),
            "final_step": ("replica", state.step),
            "final_alive": ("replica", state.alive),
            **carried.arrays(state.state),
        }
    )


def _refuse_too_deep(data: xr.Dataset) -> None:
    """Refuse a network of more layers than it has weights: its layers are listed before its weights are counted."""
    n_weights, depth = data.sizes["weight"], data.attrs["network"].get("depth", 1)
    if isinstance(depth, int) and depth > n_weights:
        raise ValueError(f"network must have at most {n_weights} layers for as many weights, but has depth {depth}")


def _refuse_other_attributes(data: xr.Dataset) -> None:
    about = data.attrs
    wanted = {"network", "dynamics", "engine", "n_samples", "landscape_without_l2", "test", "until", "elapsed"}
    if set(about) - {"statistics"} != {*wanted, "all_losses"} or about.get("statistics") == {}:
        raise ValueError(f"a record must say {', '.join(sorted(wanted))}, but says {', '.join(sorted(about))}")
    until = strict.whole("until", about["until"], _check.MAX_STEP)
    if about["elapsed"] != -1:  # nothing recorded yet
        strict.whole("elapsed", about["elapsed"], until)
    strict.whole("n_samples", about["n_samples"], 2**40)
    _check.flag("all_losses", about["all_losses"])
    dynamics.from_description(about["dynamics"])
    made_by = ("name", "version", "gradient", "dtype")
    engine = dict(about["engine"])
    named = all(type(engine.pop(name, None)) is str for name in made_by)
    if not named or not all(value is None or type(value) is dict for value in engine.values()):
        raise ValueError(f"engine must say {', '.join(made_by)} and its settings, but says {about['engine']!r:.200}")
    for name in _CLOCKS:
        values = data[name].values
        if values.dtype != np.int64 or (np.diff(values) <= 0).any() or values.min(initial=0) < 0:
            raise ValueError(f"{name} must be whole steps that increase, but is {values!r:.80}")


def _refuse_other_axes(data: xr.Dataset, ensemble: Ensemble) -> None:
    """Refuse axes that no recorder makes for these layers: observables look things up in them."""
    sizes = ensemble.network.layer_sizes
    wanted = {
        "layer": np.arange(len(sizes)),
        "n_layer_weights": np.array(sizes),
        "moment": np.arange(1, N_MOMENTS + 1),
        "bin_edge": BIN_EDGES,
    }
    for name, values in wanted.items():
        if not np.array_equal(data[name].values, values):
            raise ValueError(f"{name} must be {values.tolist()!r:.80}, but is {data[name].values.tolist()!r:.80}")
    if data.sizes["bin"] != N_BINS:
        raise ValueError(f"histogram must have {N_BINS} bins, but has {data.sizes['bin']}")
    for name in ("chi", "epsilon"):
        found = data[name].values
        if not (np.isfinite(found) & (found > 0)).all() or len(np.unique(found)) < len(found):
            raise ValueError(f"{name} must be numbers above 0, each once, but is {found.tolist()!r:.80}")


def _record_of(data: xr.Dataset, state: Mapping[str, EngineState]) -> Record:
    _refuse_other_attributes(data)
    ensemble = Ensemble(
        network_of(data.attrs["network"]),
        data.final_weights.values,
        **{name: data[name].values for name in ("seed", "origin", "noise")},
        step=data.final_step.values,
        alive=data.final_alive.values,
        state=state,
    )
    _refuse_other_axes(data, ensemble)
    references = data.references.values
    kept = data.drop_vars(["references", "final_weights", "final_step", "final_alive"])
    return Record(observed.unpacked(kept), ensemble, references)


def with_tuples(value: Any) -> Any:
    """A JSON value as attributes have it: JSON knows lists only, what glassnet keeps in attributes are tuples."""
    if isinstance(value, dict):
        return {key: with_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(with_tuples(item) for item in value)
    return value

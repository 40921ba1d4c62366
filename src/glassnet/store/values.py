"""Ensembles and records as arrays with names, and back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr

from glassnet.ensemble import Ensemble
from glassnet.network import network_of
from glassnet.record import Record
from glassnet.skin import Skin

Value = Ensemble | Record

_TAG_LENGTH: Final = 64


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
    """The value that :func:`to_dataset` took apart."""
    return _ensemble_of(data) if kind == "ensemble" else _record_of(data)


def _ensemble_data(ensemble: Ensemble) -> xr.Dataset:
    variables = {name: ("replica", getattr(ensemble, name)) for name in ("seed", "origin", "noise", "step", "alive")}
    return xr.Dataset(
        {"weights": (("replica", "weight"), ensemble.weights), **variables, **_skin_data(ensemble)},
        attrs={"network": ensemble.network.description},
    )


def _ensemble_of(data: xr.Dataset) -> Ensemble:
    return Ensemble(
        network_of(data.attrs["network"]),
        **{name: data[name].values for name in ("weights", "seed", "origin", "noise", "step", "alive")},
        skin=_skin_of(data),
    )


def _record_data(record: Record) -> xr.Dataset:
    state = record.ensemble
    return record.data.assign(
        {
            "references": (("waiting_time", "replica", "weight"), record.references),
            "final_weights": (("replica", "weight"), state.weights),
            "final_step": ("replica", state.step),
            "final_alive": ("replica", state.alive),
            **_skin_data(state),
        }
    )


def _record_of(data: xr.Dataset) -> Record:
    ensemble = Ensemble(
        network_of(data.attrs["network"]),
        data.final_weights.values,
        **{name: data[name].values for name in ("seed", "origin", "noise")},
        step=data.final_step.values,
        alive=data.final_alive.values,
        skin=_skin_of(data),
    )
    references = data.references.values
    kept = data.drop_vars(["references", "final_weights", "final_step", "final_alive"])
    kept = kept.drop_vars(_SKIN, errors="ignore")
    return Record(kept, ensemble, references)


_SKIN: Final = ("skin_tag", "skin_width", "skin_missed", "skin_rows")


def _skin_data(ensemble: Ensemble) -> dict[str, tuple[Any, Any]]:
    skin = ensemble.skin
    if skin is None:
        return {}
    # Text of a fixed length is not a type that every reader of zarr knows.
    tag = np.array([list(text.ljust(_TAG_LENGTH).encode()) for text in skin.tag.tolist()], np.uint8)
    return {
        "skin_tag": (("replica", "character"), tag),
        "skin_width": ("replica", skin.width),
        "skin_missed": ("replica", skin.missed),
        "skin_rows": (("replica", "byte"), skin.rows),
    }


def _skin_of(data: xr.Dataset) -> Skin | None:
    if "skin_tag" not in data:
        return None
    tag = [bytes(row).decode().strip() for row in data.skin_tag.values]
    return Skin(np.array(tag), data.skin_width.values, data.skin_missed.values, data.skin_rows.values)


def with_tuples(value: Any) -> Any:
    """A JSON value as attributes have it: JSON knows lists only, what glassnet keeps in attributes are tuples."""
    if isinstance(value, dict):
        return {key: with_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(with_tuples(item) for item in value)
    return value

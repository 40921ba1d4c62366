"""Which replicas are averaged together, which of them are independent, and which were lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet._text import said
from glassnet.simulate.record import Record

_CONDITIONS = ("temperature", "learning_rate", "l2")


@dataclass(frozen=True)
class Groups:
    """The replicas of a curve by the conditions that vary between them.

    Args:
        dim: the dimension that tells groups apart: the condition's name if one varies, "group" if several
            do, None if none does (then there is one group).
        members: positions along ``replica``, one array a group.
        coords: the conditions, along ``dim`` those that vary, as scalars those that all replicas share.
    """

    dim: str | None
    members: tuple[NDArray[np.int64], ...]
    coords: dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]

    @classmethod
    def of(cls, curve: xr.DataArray) -> Groups:
        """Group the replicas of ``curve``, in increasing order of temperature, learning rate, l2."""
        n = curve.sizes["replica"]
        given = {
            name: np.asarray(curve[name].values, dtype=np.float64)
            for name in _CONDITIONS
            if name in curve.coords and curve[name].dims == ("replica",)
        }
        varying = [name for name, values in given.items() if len(np.unique(values)) > 1]
        shared: dict[str, tuple[tuple[str, ...], NDArray[np.float64]]] = {
            name: ((), values[0]) for name, values in given.items() if name not in varying
        }
        if not varying:
            return cls(None, (np.arange(n),), shared)
        conditions, member_of = np.unique(
            np.stack([given[name] for name in varying], axis=1), axis=0, return_inverse=True
        )
        dim = varying[0] if len(varying) == 1 else "group"
        members = tuple(np.flatnonzero(member_of.reshape(-1) == g) for g in range(len(conditions)))
        coords = {name: ((dim,), conditions[:, i]) for i, name in enumerate(varying)}
        return cls(dim, members, {**shared, **coords})

    def assemble(self, parts: Sequence[NDArray[Any]], dims: Sequence[str]) -> tuple[tuple[str, ...], NDArray[Any]]:
        """One array a group with dimensions ``dims`` as xarray's pair of dimensions and values."""
        values = parts[0] if self.dim is None else np.stack(parts)
        return (*self.dims, *dims), values

    def varies(self, name: str) -> bool:
        """Whether ``name`` is a condition that tells the groups apart."""
        return name in self.coords and self.coords[name][0] != ()

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimension of the groups, if there is one."""
        return () if self.dim is None else (self.dim,)


def condition_labels(records: Mapping[Any, Record]) -> dict[Any, str]:
    """Labels that tell records of one condition each apart: temperature, learning rate, l2 or size of batches.

    Args:
        records: by any keys. The key is added where none of these tells a record from the others.
    """
    told = {key: _told(record) for key, record in records.items()}
    labels = {}
    for key, one in told.items():
        alike = [other for other in told.values() if other["kind"] == one["kind"]]
        parts = [one["kind"]] if len(alike) < len(told) else []
        parts += [
            text
            for name, text in one.items()
            if text and name != "kind" and (name == "temperature" or any(other[name] != text for other in alike))
        ]
        labels[key] = ", ".join(parts) or one["kind"]
    found = list(labels.values())
    return {key: f"{label}, {said(key)}" if found.count(label) > 1 else label for key, label in labels.items()}


def _told(record: Record) -> dict[str, str]:
    """Parameters that may tell a record of one condition from others, as text; empty where it has none."""
    dynamics, data = record.dynamics, record.data
    signs = {"temperature": "T", "learning_rate": "μ", "l2": "l2"}
    numbers = {name: float(data[name].values[0]) if name in data.coords else None for name in _CONDITIONS}
    batch = getattr(dynamics, "batch_size", None)
    return {
        "kind": {"Sgd": "SGD"}.get(name := type(dynamics).__name__, name),
        **{name: "" if value is None else f"{signs[name]} = {value:.15g}" for name, value in numbers.items()},
        "batch": "" if batch is None else f"b = {batch}",
        "sampling": "with replacement" if getattr(dynamics, "sampling", "") == "replacement" else "",
    }


def check_dims(curve: xr.DataArray, *required: str) -> None:
    """Refuse a curve without the dimensions that an average over replicas needs, or without replicas."""
    if not isinstance(curve, xr.DataArray):
        raise TypeError(f"curve must be an xarray.DataArray, but got {type(curve).__name__}")
    missing = [dim for dim in required if dim not in curve.dims]
    if missing:
        raise ValueError(
            f"curve must have the dimensions {', '.join(required)}, but got {', '.join(map(str, curve.dims))}: "
            "give it as an observable returns it, before averaging"
        )
    if "replica" in required and curve.sizes["replica"] == 0:
        raise ValueError("curve must have at least one replica, but has none")


def check_times(times: NDArray[Any]) -> None:
    """Refuse times out of order, or twice: a curve is taken as a line through its points."""
    back = np.flatnonzero(~(np.diff(times) > 0))
    if len(back):
        raise ValueError(f"time must increase, but {times[back[0]]:g} is followed by {times[back[0] + 1]:g}")


def stacked(curve: xr.DataArray) -> NDArray[np.float64]:
    """The curve's values as ``(replica, waiting_time, others ..., time)``."""
    return np.asarray(curve.transpose("replica", "waiting_time", ..., "time").values, dtype=np.float64)


def lost(curve: xr.DataArray) -> NDArray[np.bool_]:
    """Whether each replica diverged before the end of each waiting time's curve, ``(replica, waiting_time)``.

    The curve's coordinate ``lost_at`` (steps since the measurement began, -1 for never) runs on the same
    clock as waiting time + time, and what a lost replica has before then is complete: one that diverged only
    after the last save of an early waiting time counts there.
    """
    values = stacked(curve)
    if "lost_at" not in curve.coords:
        return np.zeros(values.shape[:2], dtype=np.bool_)
    waited = np.atleast_1d(np.asarray(curve.coords.get("waiting_time", 0), dtype=np.float64))
    clock = waited[:, None] + np.asarray(curve["time"].values, dtype=np.float64)
    missing = np.isnan(values).any(axis=tuple(range(2, values.ndim - 1)))
    lost_at = np.asarray(curve["lost_at"].values)[:, None, None]
    return np.asarray((missing & (lost_at >= 0) & (clock >= lost_at)).any(axis=-1))


def origins(curve: xr.DataArray) -> NDArray[np.int64]:
    """A label for each replica's initial condition: replicas of one (seed, origin) are not independent."""
    if "origin" not in curve.coords or curve["origin"].dims != ("replica",):
        return np.arange(curve.sizes["replica"])
    origin = np.asarray(curve["origin"].values)
    seed = np.asarray(curve["seed"].values) if "seed" in curve.coords else np.zeros_like(origin)
    names = np.stack([np.broadcast_to(seed, origin.shape), origin], axis=1)
    return np.asarray(np.unique(names, axis=0, return_inverse=True)[1]).reshape(-1)

"""Whether mobilities have two peaks: Hartigan's dip test on raw displacements (Fig. 7d-f, claim C15)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from glassnet.analysis.intervals import Floats
from glassnet.simulate.record import Record

BIMODAL: Final = "bimodal"
UNIMODAL: Final = "not bimodal"
TOO_FEW: Final = "too few weights"

_LEAST_WEIGHTS: Final = 30
_MOST_WEIGHTS: Final = 72_000
"""The largest sample that the test's table of critical values knows."""


def bimodality(
    record: Record,
    *,
    waiting_time: int,
    time: int,
    weights: ArrayLike | None = None,
    significance: float = 0.05,
) -> xr.Dataset:
    r"""Dip test of log|dw| over the weights of each layer and replica at one snapshot (Fig. 7d-f).

    The dip is the largest distance between the sample's distribution and the nearest unimodal one (Hartigan &
    Hartigan, Ann. Stat. 13, 70 (1985)); its p-value is against the uniform distribution, the hardest unimodal case,
    so that for a peaked one far fewer than 5 % of samples fall below 0.05. Free diffusion has one peak. It takes
    weights as independent, which those of one neuron are not; replicas are. Displacements on a grid, as float32 weights
    make them at the lowest temperatures, have a peak at each of its points, and count as bimodal. Over the replicas of
    one temperature p is min(1, twice the median), valid however they depend on each other (Rueschendorf 1982).

    ``layer`` -1 pools all layers: layers that move unequally far make two peaks there that no layer has. Weights
    into and out of dead neurons feel l2 alone and make two peaks too: choose with ``weights`` those of live neurons,
    and look at the others apart.

    Args:
        record: with snapshots.
        waiting_time: one that was measured from.
        time: one of the snapshots.
        weights: which to look at, a mask ``(replica, weight)`` or ``(weight,)``; all by default.
        significance: below which p says "bimodal".

    Returns:
        ``(replica, layer)``: ``dip``, ``p``, ``n`` (weights that moved), ``unmoved`` (those with dw = 0, left out);
        NaN if lost, or below 30 weights. ``(temperature, layer)``, or ``(layer,)`` without temperatures: ``p_value``,
        ``share_bimodal`` (replicas with p below ``significance``), ``n_used``, ``outcome`` ("bimodal", "not bimodal",
        "too few weights").

    Raises:
        ModuleNotFoundError: diptest is not installed.
        ValueError: a waiting time or snapshot that was not recorded, a mask of another shape, or a significance that is
            not between 0 and 1.
    """
    if not 0.0 < significance < 1.0:
        raise ValueError(f"significance must be between 0 and 1, ends excluded, but got {significance}")
    _diptest()
    data = record.data
    for name, value in (("waiting_time", waiting_time), ("snapshot_time", time)):
        if value not in data[name].values:
            raise ValueError(f"{name} must be one of {data[name].values.tolist()}, but got {value}")
    moved = data["displacement"].sel(waiting_time=waiting_time, snapshot_time=time).transpose("replica", "weight")
    size = np.abs(np.asarray(moved.values, dtype=np.float64))
    chosen = np.ones(size.shape, dtype=np.bool_) if weights is None else np.asarray(weights)
    if chosen.dtype != np.bool_ or chosen.shape not in (size.shape, size.shape[1:]):
        raise ValueError(f"weights must be a mask of shape {size.shape} or {size.shape[1:]}, but got {chosen.shape}")
    chosen = np.broadcast_to(chosen, size.shape)
    ends = np.concatenate([[0], np.cumsum(data["n_layer_weights"].values)])
    parts = [slice(0, None), *(slice(int(a), int(b)) for a, b in pairwise(ends))]
    shape = (len(size), len(parts))
    found = {name: np.full(shape, np.nan) for name in ("dip", "p", "n", "unmoved")}
    for r in range(shape[0]):
        for layer, part in enumerate(parts):
            one = size[r, part][chosen[r, part]]
            if np.isfinite(one).all():
                found["n"][r, layer], found["unmoved"][r, layer] = np.count_nonzero(one), np.count_nonzero(one == 0)
                found["dip"][r, layer], found["p"][r, layer] = dip_test(np.log10(one[one > 0]))
    layers = np.arange(-1, len(parts) - 1)
    coords = {str(n): c.variable for n, c in moved.coords.items() if c.dims == ("replica",)}
    result = xr.Dataset({name: (("replica", "layer"), one) for name, one in found.items()}, {"layer": layers, **coords})
    attrs = {"long_name": "dip test of log |dw|", "waiting_time": waiting_time, "time": time}
    return _by_temperature(result, significance).assign_attrs({**attrs, "significance": significance})


def dip_test(sample: ArrayLike) -> tuple[float, float]:
    """Dip and p-value of a sample ``(n,)``; NaN for fewer than 30 values.

    Of more than 72000 values an evenly spaced choice is taken, the most that the table of p-values knows.

    Raises:
        ModuleNotFoundError: diptest is not installed.
        ValueError: another shape, or values that are not finite.
    """
    values: Floats = np.asarray(sample, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"sample must have one dimension, but got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"sample must be finite, but got {values[~np.isfinite(values)][0]}")
    if len(values) < _LEAST_WEIGHTS:
        return np.nan, np.nan
    if len(values) > _MOST_WEIGHTS:
        values = values[np.linspace(0, len(values) - 1, _MOST_WEIGHTS).astype(np.int64)]
    dip, p = _diptest()(values)
    return float(dip), float(p)


def _diptest() -> Callable[[Floats], tuple[float, float]]:
    """The test itself, which is an optional dependency."""
    if importlib.util.find_spec("diptest") is None:
        raise ModuleNotFoundError('the dip test needs diptest: pip install "glassnet[bimodality]"')
    from diptest import diptest  # type: ignore[import-untyped]

    return diptest  # type: ignore[no-any-return]


def _by_temperature(result: xr.Dataset, significance: float) -> xr.Dataset:
    given = result["temperature"].values if "temperature" in result.coords else None
    groups = [np.arange(result.sizes["replica"])]
    dims: tuple[str, ...] = ("layer",)
    if given is not None:
        groups = [np.flatnonzero(given == one) for one in np.unique(given)]
        dims = ("temperature", "layer")
        named = result["temperature"].variable
        result = result.drop_vars("temperature").assign_coords(replica_temperature=named)
        result = result.assign_coords(temperature=np.unique(given))
    every: dict[str, list[NDArray[np.generic]]] = {}
    for rows in groups:
        for name, one in _combined(result["p"].values[rows], significance).items():
            every.setdefault(name, []).append(one)
    return result.assign({name: (dims, np.stack(one) if given is not None else one[0]) for name, one in every.items()})


def _combined(p: Floats, significance: float) -> dict[str, NDArray[np.generic]]:
    known = np.isfinite(p)
    columns = [column[ok] for column, ok in zip(p.T, known.T, strict=True)]
    value = np.array([min(1.0, 2.0 * float(np.median(one))) if len(one) > 1 else _single(one) for one in columns])
    share = np.array([float(np.mean(one < significance)) if len(one) else np.nan for one in columns])
    outcome = np.select([np.isnan(value), value < significance], [TOO_FEW, BIMODAL], default=UNIMODAL)
    return {"p_value": value, "share_bimodal": share, "n_used": known.sum(axis=0), "outcome": outcome}


def _single(p: Floats) -> float:
    return float(p[0]) if len(p) else np.nan

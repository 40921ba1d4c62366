"""The null of drift plus diffusion for the page: means over replicas, of conditions that have partners at T = 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr

from glassnet.analysis import ensemble_mean, relaxation_time
from glassnet.simulate.concat import concat
from glassnet.simulate.record import Record
from glassnet.theory import drift_null

LEVELS: Final = (0.9, math.exp(-1))
"""tau_90 and tau_e, in the order of the page's array of times."""


def nulls(records: Mapping[Any, Record]) -> dict[Any, xr.Dataset]:
    """Null of drift plus diffusion (:func:`glassnet.theory.drift_null`) at each condition above T = 0.

    Returns:
        By key ``null_msd`` and ``null_alpha``, ``(waiting_time, time)``; ``null_overlap``, ``(chi, waiting_time,
        time)``, and ``null_tau``, ``(chi, waiting_time, level)``, at the recorded chi. Nothing where records cannot be
        put together, or not every replica has a partner at T = 0.
    """
    if not records:
        return {}
    try:
        whole = concat(list(records.values()))
        moments = drift_null(whole, chi=1.0, mobility=False)
    except ValueError:
        return {}
    kept = whole.data["histogram"].notnull().any(["replica", "sparse_time", "layer", "bin"]).values
    seen = Record(whole.data.isel(waiting_time=np.flatnonzero(kept)), whole.ensemble, whole.references)
    chis = whole.data["chi"].values.tolist() if kept.any() else []
    overlaps = {chi: drift_null(seen, chi=chi, mobility=False)["overlap"] for chi in chis}
    found, start = {}, 0
    for key, record in records.items():
        own = {"replica": slice(start, start + len(record.ensemble))}
        start += len(record.ensemble)
        if not record.data["temperature"].values[0]:
            continue
        parts = {
            "null_msd": _mean(moments["mean_square_displacement"].isel(own)),
            "null_alpha": _mean(moments["non_gaussian"].isel(own)),
        }
        if chis:
            waits = whole.data["waiting_time"]
            curves = [overlaps[chi].isel(own) for chi in chis]
            times = [[relaxation_time(q, level)["estimate"] for level in LEVELS] for q in curves]
            parts["null_overlap"] = _stacked([_mean(q) for q in curves], "chi").reindex(waiting_time=waits)
            parts["null_tau"] = _stacked([_stacked(pair, "level") for pair in times], "chi").reindex(waiting_time=waits)
        found[key] = xr.Dataset({name: part.reset_coords(drop=True) for name, part in parts.items()})
    return found


def _mean(values: xr.DataArray) -> xr.DataArray:
    return ensemble_mean(values)["mean"]


def _stacked(parts: list[xr.DataArray], name: str) -> xr.DataArray:
    return xr.concat(parts, name, coords="minimal", compat="override")

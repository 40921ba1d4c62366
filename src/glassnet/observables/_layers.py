"""Pooling the layers of a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.landscape.network import network_of

Layers = slice | Sequence[int] | Sequence[str] | SupportsIndex | None
"""Which layers to pool: all if None, else names or positions; ``slice(0, -1)`` is all but the output's."""


def pooled_sum(data: xr.Dataset, name: str, layers: Layers) -> tuple[xr.DataArray, int]:
    """The variable ``name`` summed over the chosen layers, and how many weights these hold."""
    where = _positions(layers, data)
    n_weights = int(data["n_layer_weights"].values[where].sum())
    return data[name].isel(layer=where).sum("layer", skipna=False), n_weights


def pooled_moment(data: xr.Dataset, order: int, layers: Layers) -> xr.DataArray:
    """Mean of dw^order over the weights of the chosen layers, ``(replica, waiting_time, time)``."""
    where = _positions(layers, data)
    n_weights = data["n_layer_weights"].isel(layer=where)
    moments = data["moments"].sel(moment=order, drop=True).isel(layer=where)
    return (moments * n_weights).sum("layer", skipna=False) / int(n_weights.sum())


def describe(layers: Layers) -> str:
    """The choice of layers, for an attribute."""
    return "all" if layers is None else str(layers)


def _positions(layers: Layers, data: xr.Dataset) -> NDArray[np.int64]:
    n_layers = data.sizes["layer"]
    every = np.arange(n_layers)
    where: Any = layers
    if isinstance(layers, Sequence) and any(isinstance(layer, str) for layer in layers):
        names = network_of(data.attrs["network"]).layer_names
        unknown = [layer for layer in layers if layer not in names]
        if unknown:
            raise ValueError(f"layers must be among {', '.join(map(repr, names))}, but got {unknown[0]!r}")
        where = [names.index(str(layer)) for layer in layers]
    try:
        chosen = every if where is None else np.atleast_1d(every[where])
    except IndexError:
        raise ValueError(f"layers must be among 0 to {n_layers - 1}, but got {layers}") from None
    if not chosen.size or len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"layers must name at least one layer, each once, but got {layers} of {n_layers} layers")
    return chosen

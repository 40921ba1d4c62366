"""The distribution of mobilities: how far single weights have moved."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassnet.observables._layers import Layers, describe, pooled_sum
from glassnet.simulate.record import Record


def mobility(record: Record, *, layers: Layers = None) -> xr.DataArray:
    """Distribution of |dw| = |w_i(t_w + t) - w_i(t_w)| over the weights of each replica (Fig. 7d-f).

    It is the density per decade: the share of weights in a bin over the bin's width in log10 |dw|. Free
    diffusion gives a single peak; pooling layers that move unequally far may give two, as may weights of
    dead neurons.

    Args:
        record: what was measured.
        layers: which layers to pool, all by default; ``[l]`` for a single one.

    Returns:
        ``(replica, waiting_time, time, bin)`` at the record's sparser times, per decade. Coordinates:
        ``displacement`` (bin), the geometric centre of each bin, in units of a weight; ``share_below`` and
        ``share_above``, the shares of weights that moved less (or not at all) or more than any bin holds:
        with them the whole integrates to 1. NaN where not recorded or the replica is lost.

    Raises:
        ValueError: no such layers.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> density = gn.mobility(record).mean("replica").sel(waiting_time=0, time=1_000)
        >>> peak = density.displacement[density.argmax("bin")]
        >>> print(f"most weights have moved by about {float(peak):.2g}")
        most weights have moved by about 0.0084
    """
    counts, n_weights = pooled_sum(record.data, "histogram", layers)
    share = (counts.astype(np.float64) / n_weights).rename(sparse_time="time")
    log_edges = np.log10(record.data["bin_edge"].values)
    centres = 10.0 ** ((log_edges[1:] + log_edges[:-1]) / 2.0)
    density = share.isel(bin=slice(2, -1)) / xr.DataArray(np.diff(log_edges), dims="bin")
    attrs = {
        "long_name": "distribution of mobilities",
        "units": "1/decade",
        "source": "Section III E, Fig. 7",
        "layers": describe(layers),
    }
    return (
        density.assign_coords(
            displacement=("bin", centres, {"long_name": "|dw|", "units": "weight"}),
            share_below=share.isel(bin=[0, 1]).sum("bin", skipna=False),
            share_above=share.isel(bin=-1),
        )
        .rename("mobility")
        .assign_attrs(attrs)
    )

"""Moments of the displacements: how far the weights have moved, and whether as Gaussians do."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassnet.observables._layers import Layers, describe, pooled_moment
from glassnet.simulate.record import Record


def mean_square_displacement(record: Record, *, layers: Layers = None) -> xr.DataArray:
    """MSD(t, t_w) = 1/N sum_i [w_i(t_w + t) - w_i(t_w)]^2 of each replica (Eq. 7).

    Args:
        record: what was measured.
        layers: which layers to pool, all by default; ``slice(0, -1)`` leaves the output layer out.

    Returns:
        ``(replica, waiting_time, time)`` in squared weight; NaN where not recorded or the replica is lost.

    Raises:
        ValueError: no such layers.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> msd = gn.mean_square_displacement(record).mean("replica").sel(waiting_time=0)
        >>> free = gn.theory.brownian.mean_square_displacement(
        ...     msd.time, temperature=1e-3, learning_rate=1e-3, n_samples=60
        ... )
        >>> print((msd / free).sel(time=[1, 10, 100, 1_000]).values.round(1))       # 1: no landscape is felt
        [1.  1.2 1.5 4.5]
    """
    attrs = {
        "long_name": "mean square displacement",
        "units": "weight^2",
        "source": "Eq. 7",
        "layers": describe(layers),
    }
    msd = pooled_moment(record.data, 2, layers)
    return msd.rename("mean_square_displacement").assign_attrs(attrs)


def non_gaussian(record: Record, *, layers: Layers = None) -> xr.DataArray:
    """alpha_2(t) = <dw^4> / (3 <dw^2>^2) - 1 over the weights of each replica (Eq. 9); 0 for Gaussian
    displacements.

    Pooling weights that move unequally far makes alpha_2 > 0 even where each moves as a Gaussian: look at
    single layers, ``layers=[l]``, before reading anything into it. The mean over replicas is a mean of
    these ratios, not the ratio of the means, so that replicas that move unequally far add nothing.

    Args:
        record: what was measured.
        layers: which layers to pool, all by default.

    Returns:
        ``(replica, waiting_time, time)``, no unit; NaN where nothing has moved, not recorded, or the
        replica is lost.

    Raises:
        ValueError: no such layers.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> alpha = gn.non_gaussian(record).mean("replica").sel(waiting_time=0)
        >>> print(alpha.sel(time=[1, 1_000]).values.round(1))
        [0.2 0.4]
    """
    attrs = {"long_name": "non-Gaussian parameter", "units": "1", "source": "Eq. 9", "layers": describe(layers)}
    second, fourth = (pooled_moment(record.data, order, layers) for order in (2, 4))
    moved = second.where(second > 0)
    alpha = fourth / moved / moved / 3.0 - 1.0
    return alpha.where(np.isfinite(alpha)).rename("non_gaussian").assign_attrs(attrs)

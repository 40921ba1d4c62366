"""Averages over the replicas of an ensemble."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassnet.analysis.groups import Groups, check_dims, lost, origins, stacked
from glassnet.analysis.intervals import Estimate, estimate


def ensemble_mean(curve: xr.DataArray) -> xr.Dataset:
    """Average over the replicas of each group, the brackets of Eqs. 4, 7 and 9.

    Replicas are grouped by those of temperature, learning_rate and l2 that vary between them. A replica
    that was lost before the end of a waiting time's curve is left out of that mean at all times, so that a
    mean never jumps where one dies; for the same reason a mean is NaN wherever a replica in it is.

    Args:
        curve: what an observable returns, ``(replica, waiting_time, time)`` and possibly more dimensions.

    Returns:
        ``mean`` and ``standard_error`` with ``replica`` replaced by one dimension named after the condition
        that varies, by ``group`` if several do, or by nothing. Coordinates ``n_used``, ``n_lost`` and
        ``n_origins`` (independent initial conditions among those used) count replicas for each group and
        waiting time. The standard error lets replicas of one (seed, origin) be alike; NaN for a single
        initial condition.

    Raises:
        ValueError: a curve without replica or time.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> mean = gn.ensemble_mean(gn.overlap(record, chi=50)).sel(waiting_time=0, time=1_000)
        >>> print(f"{float(mean['mean']):.2f} +- {float(mean.standard_error):.2f}, {int(mean.n_used)} replicas")
        0.38 +- 0.03, 4 replicas
    """
    check_dims(curve, "replica", "time")
    if "waiting_time" not in curve.dims:
        return ensemble_mean(curve.expand_dims("waiting_time")).squeeze("waiting_time")
    groups, parts = estimates(curve)
    gone = [lost(curve)[members] for members in groups.members]
    mean = [np.stack([part.mean for part in row]) for row in parts]
    error = [np.stack([part.standard_error for part in row]) for row in parts]
    counts = {
        "n_used": [(~g).sum(axis=0) for g in gone],
        "n_lost": [g.sum(axis=0) for g in gone],
        "n_origins": [np.array([part.n_origins for part in row]) for row in parts],
    }
    others = [str(d) for d in curve.dims if d not in ("replica", "waiting_time", "time")]
    dims = ("waiting_time", *others, "time")
    result = xr.Dataset(
        {"mean": groups.assemble(mean, dims), "standard_error": groups.assemble(error, dims)},
        {
            **kept_coords(curve),
            **groups.coords,
            **{name: groups.assemble(count, dims[:1]) for name, count in counts.items()},
        },
    )
    name = curve.attrs.get("long_name", curve.name or "curve")
    result["mean"].attrs = {**curve.attrs, "long_name": f"mean {name}"}
    result["standard_error"].attrs = {**curve.attrs, "long_name": f"standard error of the mean {name}"}
    return result.transpose(*groups.dims, *(d for d in curve.dims if d != "replica"))


def estimates(curve: xr.DataArray) -> tuple[Groups, list[list[Estimate]]]:
    """The mean of each group (outer) and waiting time (inner), shapes ``(others ..., time)``."""
    groups, values, gone, origin = Groups.of(curve), stacked(curve), lost(curve), origins(curve)
    parts = []
    for members in groups.members:
        used = [members[~gone[members, w]] for w in range(values.shape[1])]
        parts.append([estimate(values[rows, w], origin[rows]) for w, rows in enumerate(used)])
    return groups, parts


def kept_coords(curve: xr.DataArray) -> dict[str, xr.Variable]:
    """The coordinates that an average over replicas leaves as they are."""
    return {str(name): c.variable for name, c in curve.coords.items() if "replica" not in c.dims}

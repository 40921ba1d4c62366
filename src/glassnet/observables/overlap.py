"""The overlap: the share of weights that are still where they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, SupportsFloat

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet import _check
from glassnet.observables._layers import Layers, describe, pooled_sum
from glassnet.simulate.record import Record

Floats = NDArray[np.float64]


def overlap(
    record: Record,
    *,
    chi: SupportsFloat | Sequence[SupportsFloat] | None = None,
    epsilon: SupportsFloat | Sequence[SupportsFloat] | None = None,
    layers: Layers = None,
    approximate: bool = False,
) -> xr.DataArray:
    """Q(t, t_w), the share of weights with |w_i(t_w + t) - w_i(t_w)| <= epsilon, of each replica (Eq. 4).

    Args:
        record: what was measured.
        chi: the sensitivity as epsilon = sigma/chi (Eq. B1), sigma being the replica's own std of weights
            when the measurement began. Give exactly one of ``chi`` and ``epsilon``.
        epsilon: the sensitivity in units of a weight. A sequence of either comes back as a dimension.
        layers: which layers to pool, all by default; ``slice(0, -1)`` is the authors' choice, all but the
            output's.
        approximate: take it from the recorded histograms of |dw|, at the sparser times only, for any chi or
            epsilon. Within the bin that holds epsilon (its width is in the attributes) displacements count
            as spread evenly, so that the error is below the share of weights in that bin.

    Returns:
        ``(replica, waiting_time, time[, chi or epsilon])``, from 0 to 1; NaN where not recorded or the
        replica is lost.

    Raises:
        ValueError: a chi or epsilon that was not recorded (unless approximate), or is not > 0, or no such
            layers.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> q = gn.overlap(record, chi=50)
        >>> print(q.mean("replica").sel(waiting_time=0, time=[10, 100, 1_000]).values.round(2))
        [1.   0.97 0.38]
        >>> finer = gn.overlap(record, chi=100, approximate=True)      # not asked for, so from the histograms
        >>> print(finer.mean("replica").sel(waiting_time=0, time=[10, 100, 1_000]).values.round(2))
        [1.   0.79 0.2 ]
    """
    if (chi is None) == (epsilon is None):
        raise ValueError(f"exactly one of chi and epsilon must be given, but got {chi=}, {epsilon=}")
    axis: Literal["chi", "epsilon"] = "epsilon" if chi is None else "chi"
    wanted = epsilon if chi is None else chi
    values = np.array([_check.number(axis, x, positive=True) for x in np.atleast_1d(np.asarray(wanted, object))])
    result = _from_histograms(record, axis, values, layers) if approximate else _counted(record, axis, values, layers)
    if np.ndim(wanted) == 0:  # type: ignore[arg-type]
        result = result.isel({axis: 0})
    attrs = {"long_name": "overlap", "units": "1", "source": "Eq. 4", "layers": describe(layers)}
    return result.rename("overlap").assign_attrs({**attrs, **result.attrs})


def epsilons(record: Record, chi: float) -> Floats:
    """epsilon = sigma/chi of each replica (Eq. B1), ``(replica,)``.

    Raises:
        ValueError: a chi that was not recorded.
    """
    return np.asarray(record.data["epsilon_of_chi"].values[:, _recorded(record, "chi", chi)])


def _counted(record: Record, axis: str, values: Floats, layers: Layers) -> xr.DataArray:
    where = [_recorded(record, axis, value) for value in values]
    counts, n_weights = pooled_sum(record.data, f"within_{axis}", layers)
    return counts.isel({axis: where}) / n_weights


def _recorded(record: Record, axis: str, value: float) -> int:
    """The place of a chi or epsilon among those that were recorded."""
    recorded = record.data[axis].values
    match = np.flatnonzero(np.isclose(recorded, value, rtol=1e-9, atol=0.0))
    if not match.size:
        known = ", ".join(f"{x:g}" for x in recorded) or "none"
        raise ValueError(
            f"{axis} must be one that was recorded ({known}), but got {value:g}: give it to measure, "
            "or ask glassnet.overlap for it with approximate=True"
        )
    return int(match[0])


def _from_histograms(record: Record, axis: str, values: Floats, layers: Layers) -> xr.DataArray:
    data, edges = record.data, record.data["bin_edge"].values
    counts, n_weights = pooled_sum(data, "histogram", layers)
    n_replicas = data.sizes["replica"]
    epsilon = np.broadcast_to(values, (n_replicas, len(values)))
    if axis == "chi":
        epsilon = data["sigma"].values[:, None] / values
    if np.any(epsilon > edges[-1]):
        raise ValueError(f"{axis} must give an epsilon <= {edges[-1]:g} for histograms, but got {epsilon.max():g}")
    knots = np.concatenate([[0.0], edges])
    below = np.cumsum(counts.values[..., :-1].astype(np.float64), axis=-1) / n_weights
    curves = np.empty((*counts.shape[:-1], len(values)))
    for r in range(n_replicas):
        bins = np.clip(np.searchsorted(knots, epsilon[r], side="right") - 1, 0, len(knots) - 2)
        share = (epsilon[r] - knots[bins]) / (knots[bins + 1] - knots[bins])
        curves[r] = below[r][..., bins] * (1.0 - share) + below[r][..., bins + 1] * share
    result = counts.isel(bin=0, drop=True).rename(sparse_time="time").astype(np.float64).expand_dims({axis: values}, -1)
    if axis == "chi":
        result = result.assign_coords(epsilon_of_chi=(("replica", "chi"), epsilon))
    width = float(np.log10(edges[1] / edges[0]))
    return result.copy(data=curves).assign_attrs(approximation="from histograms of |dw|", bin_width_in_decades=width)

r"""The null of drift plus diffusion in the bowl: what no glass at all gives.

A network that is still on its way down, and whose weights diffuse beside that as independent particles. With d_i the
displacement of weight i at T = 0 (same start, t_w and t) and g_i a Gaussian of variance s^2, the null is

    dw_i = d_i + g_i

    s^2 = v [(1 - a^(2 t_w)) (1 - a^t)^2 + 1 - a^(2 t)],  a = 1 - mu l2,  v = T/(l2 P_D)/(1 - mu l2/2)
    s^2 = 2 D t,  D = mu T/P_D,                           where l2 = 0

(:mod:`glassnet.theory.quadratic_well`, start at the minimum, discrete steps; :mod:`glassnet.theory.brownian`).

Only |d_i| enters, which is what a record keeps. P(|d + g| <= e) = Phi((e - d)/s) - Phi((-e - d)/s) =: q(d; e, s) does
not change under d -> -d, since Phi(-x) = 1 - Phi(x). So are even moments: <(d + g)^2> = <d^2> + s^2 and
<(d + g)^4> = <d^4> + 6 s^2 <d^2> + 3 s^4. The moments of d are recorded exactly; q is averaged over a histogram of |d|,
spread evenly within a bin, as :func:`glassnet.overlap` does with ``approximate=True``.

The bins' error has exact bounds. q falls as |d| grows, so a weight in a bin from x to y adds between q(y) and q(x).
The sum of q(x) - q(y) over bins, each with its share of weights, bounds the error; it is at most the share in the bin
that holds e where s = 0, and falls as 0.4 ln(y/x) e/s of the weights near e where s is larger than that bin. Spread
evenly in log |d| instead, the mean |d| of a bin of ratio y/x = 1.122 is 0.11 % smaller, and so is every time that
drift decides. What moved less than the smallest edge, 1e-12, counts as between 0 and it, what moved more than the
largest, 10, as at 10; the bounds hold for both.

The null has power only against wells that would have acted within the time: curvatures h with mu h tau >= 1. See
:func:`power_curvature`.
"""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from glassnet import _check
from glassnet.observables._layers import Layers, describe, pooled_moment, pooled_sum
from glassnet.simulate.record import Record
from glassnet.theory import brownian, quadratic_well
from glassnet.theory._values import Floats, positive

_NARROW = 1e-3
"""A bin this much narrower than s is looked at in its middle only: the error is below 1e-7, the rounding of the
closed form above that."""


def noise_variance(
    times: ArrayLike,
    *,
    waiting_time: ArrayLike,
    l2: ArrayLike,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
) -> Floats:
    """s^2, the variance that noise alone gives a displacement between t_w and t_w + t (the module's formula).

    Args:
        times: t >= 0, whole steps since t_w.
        waiting_time: t_w >= 0, whole steps since Langevin dynamics began.
        l2: the bowl's curvature, >= 0.
        temperature: T >= 0.
        learning_rate: mu > 0.
        n_samples: P_D > 0.

    Returns:
        Squared weight, broadcast over all arguments; NaN where mu l2 is 2 or more, at which steps leave the bowl.

    Raises:
        ValueError: an argument out of its range, or a fraction of a step.
    """
    bowl, mu = np.broadcast_arrays(np.asarray(l2, dtype=np.float64), np.asarray(learning_rate, dtype=np.float64))
    curved, holds = bowl > 0, mu * bowl < 2.0
    bath = {"temperature": temperature, "n_samples": n_samples}
    _, in_bowl = quadratic_well.displacement_moments(
        times,
        stiffness=np.where(curved & holds, bowl, 1.0 / positive("learning_rate", mu)),
        learning_rate=mu,
        initial_offset=0.0,
        waiting_time=waiting_time,
        step="discrete",
        **bath,
    )
    free = brownian.mean_square_displacement(times, learning_rate=mu, **bath)
    return np.where(holds, np.where(curved, in_bowl, free), np.nan)


def power_curvature(tau: ArrayLike, *, learning_rate: ArrayLike) -> Floats:
    """h = 1/(mu tau), the smallest curvature of the loss that agreement with the null up to tau says anything about.

    A well of curvature h holds a weight back after 1/(mu h) steps, so at tau it acts only if mu h tau >= 1.

    Args:
        tau: steps, the relaxation time at which the null was compared; NaN where there is none.
        learning_rate: mu > 0.

    Raises:
        ValueError: tau <= 0, or learning_rate <= 0.

    Examples:
        >>> import glassnet as gn
        >>> print(f"{gn.theory.power_curvature(47, learning_rate=1e-3):.0f}")     # softer wells stay unseen
        21
    """
    known = np.asarray(tau, dtype=np.float64)
    mu = positive("learning_rate", learning_rate)
    if np.any(known <= 0):
        raise ValueError(f"tau must be > 0, but got {known[known <= 0].flat[0]}")
    return np.asarray(1.0 / (mu * known))


def drift_null(record: Record, *, chi: SupportsFloat, layers: Layers = None, mobility: bool = True) -> xr.Dataset:
    r"""The null of drift plus diffusion for every replica of a record, from its own replicas at T = 0.

    Each replica is paired with the one at T = 0 that has the same seed, origin, step of entry, learning rate and l2.

    Args:
        record: Langevin dynamics at several temperatures, 0 among them.
        chi: sensitivity of the overlap, epsilon = sigma/chi (Eq. B1); any chi > 0, recorded or not.
        layers: which layers to pool, all by default.
        mobility: False leaves out the distribution of mobilities, which takes most of the time.

    Returns:
        At the record's sparser times, ``(replica, waiting_time, time)``, with the record's coordinates of replicas:

        - ``overlap`` with ``overlap_low`` and ``overlap_high``, between which the histogram's bins leave it;
        - ``mean_square_displacement`` (squared weight) and ``non_gaussian``, from exact moments;
        - ``noise_variance``, s^2 (squared weight);
        - ``mobility``, ``(replica, waiting_time, time, bin)``, per decade, as :func:`glassnet.mobility` gives it.

        ``overlap`` goes through :func:`glassnet.ensemble_mean` and :func:`glassnet.relaxation_time` as a measured one
        does; compare it with ``gn.overlap(record, chi=chi).sel(time=null.time)``, so that both are interpolated on the
        same times. NaN where the replica or its partner at T = 0 is lost (``lost_at`` is the earlier of the two), where
        nothing is recorded, or without a histogram (condensed runs keep few). Replicas at T = 0 are their own null,
        but for the bins.

    Raises:
        ValueError: no temperature, a replica without its partner at T = 0 (the message says how to add it), no save
            time among the sparser ones, or no such layers.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4).repeat(noise=[0, 1])
        >>> langevin = gn.Langevin([1e-3] * 4 + [0.0] * 4, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> null = gn.theory.drift_null(record, chi=50)
        >>> q = gn.overlap(record, chi=50).sel(time=null.time)
        >>> seen, expected = (gn.relaxation_time(x).estimate.sel(waiting_time=0) for x in (q, null.overlap))
        >>> for T in record.data.temperature.values[[0, -1]]:
        ...     print(f"T = {T}: tau_90 = {seen.sel(temperature=T):.0f}, null {expected.sel(temperature=T):.0f}")
        T = 0.001: tau_90 = 163, null 171
        T = 0.0: tau_90 = 257, null 259
    """
    data = record.data
    epsilon = data["sigma"].values / _check.number("chi", chi, positive=True)
    partner = _partners(data)
    cold, of_cold = np.unique(partner, return_inverse=True)
    at_rest = data.isel(replica=cold)
    times = data["sparse_time"].values
    counts, n_weights = pooled_sum(at_rest, "histogram", layers)
    share = counts.values.astype(np.float64) / n_weights
    second, fourth = (pooled_moment(at_rest, order, layers).sel(time=times).values[of_cold] for order in (2, 4))
    lost_at, gone = _lost(data, partner)
    s2 = np.where(gone, np.nan, _noise(data))
    msd = second + s2
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = (fourth + 6.0 * s2 * second + 3.0 * s2**2) / msd / msd / 3.0 - 1.0
    edges = np.concatenate([[0.0, 0.0], data["bin_edge"].values, [np.inf]])
    s = np.sqrt(s2)
    with np.errstate(over="ignore"):  # an epsilon far above all s: phi is zero there
        overlaps = np.stack([_overlap(share[of_cold[r]], edges, epsilon[r], s[r]) for r in range(len(partner))])
    dims = ("replica", "waiting_time", "time")
    found = {
        "overlap": (overlaps[..., 0], "1"),
        "overlap_low": (overlaps[..., 1], "1"),
        "overlap_high": (overlaps[..., 2], "1"),
        "mean_square_displacement": (msd, "weight^2"),
        "non_gaussian": (np.where(msd > 0, alpha, np.nan), "1"),
        "noise_variance": (s2, "weight^2"),
    }
    kept = {str(n): c.variable for n, c in data.coords.items() if c.dims in (("replica",), ("waiting_time",), ())}
    coords = {**kept, "time": times, "lost_at": ("replica", lost_at)}
    attrs = {"source": "drift at T = 0 plus independent noise in the l2 bowl", "layers": describe(layers)}
    null = xr.Dataset(
        {name: (dims, values, _about(name, units)) for name, (values, units) in found.items()},
        coords,
        {"chi": float(chi), **attrs},
    )
    return null.assign(mobility=_mobility(null, share, of_cold, edges)) if mobility else null


def _about(name: str, units: str) -> dict[str, str]:
    return {"long_name": f"{name.replace('_', ' ')} of drift and diffusion", "units": units}


def _partners(data: xr.Dataset) -> NDArray[np.int64]:
    """The position of each replica's partner at T = 0."""
    if "temperature" not in data.coords:
        raise ValueError(f"record must be of Langevin dynamics, but is of {data.attrs['dynamics']}")
    if not data.sizes["sparse_time"]:
        raise ValueError("record must have a save time among sparse_times, at which histograms are kept, but has none")
    names = ("seed", "origin", "entry_step", "learning_rate", "l2")
    keys = list(zip(*(data[name].values.tolist() for name in names), strict=True))
    temperature = data["temperature"].values
    first: dict[tuple[float, ...], int] = {}
    for r in np.flatnonzero(temperature == 0):
        first.setdefault(keys[r], int(r))
    alone = [r for r, key in enumerate(keys) if key not in first]
    if alone:
        who = ", ".join(f"{name} {value:g}" for name, value in zip(names, keys[alone[0]], strict=True))
        raise ValueError(
            f"record must hold a replica at T = 0 for each of its others, from the same start, but {len(alone)} of "
            f"{len(keys)} have none (T = {temperature[alone[0]]:g}, {who}): run the experiment with --temperature 0 "
            "too, or measure the same ensemble at temperature 0 under another noise and gn.concat the records"
        )
    return np.array([first[key] for key in keys])


def _noise(data: xr.Dataset) -> Floats:
    """s^2, ``(replica, waiting_time, time)``."""
    per_replica = {name: data[name].values[:, None, None] for name in ("l2", "temperature", "learning_rate")}
    return noise_variance(
        data["sparse_time"].values,
        waiting_time=data["waiting_time"].values[:, None],
        n_samples=data.attrs["n_samples"],
        **per_replica,
    )


def _lost(data: xr.Dataset, partner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """When each replica or its partner was lost, -1 for never, and what lies beyond."""
    own = data["lost_at"].values
    both = np.stack([own, own[partner]])
    never = np.iinfo(np.int64).max
    first = np.where(both < 0, never, both).min(axis=0)
    clock = data["waiting_time"].values[:, None] + data["sparse_time"].values
    return np.where(first == never, -1, first), clock >= first[:, None, None]


def _overlap(share: Floats, edges: Floats, epsilon: float, s: Floats) -> Floats:
    """The overlap, and the bounds that the bins leave, ``(waiting_time, time, 3)``."""
    spread = s[..., None]
    at_edges = _within(edges, epsilon, spread)
    low, high = at_edges[..., 1:], at_edges[..., :-1]
    # Where epsilon is far above s the closed form is a difference of large numbers: it stays within what q can be.
    parts = (np.clip(_within_bins(edges[:-1], edges[1:], epsilon, spread), low, high), low, high)
    return np.stack([(share * part).sum(axis=-1) for part in parts], axis=-1)


def _within(distance: Floats, epsilon: Floats | float, s: Floats) -> Floats:
    """q(d; e, s), the chance that |d + g| <= e; where s = 0 whether |d| <= e."""
    width = np.where(s > 0, s, 1.0)
    noisy = ndtr((epsilon - distance) / width) - ndtr((-epsilon - distance) / width)
    return np.where(s > 0, noisy, np.where(s == 0, distance <= epsilon, np.nan))


def _within_bins(near: Floats, far: Floats, epsilon: Floats | float, s: Floats) -> Floats:
    """The mean of q(d; e, s) over d spread evenly between ``near`` and ``far``; at ``near`` if ``far`` is infinite."""
    width = np.where(np.isfinite(far), far - near, 0.0)
    divisor, scale = np.where(width > 0, width, 1.0), np.where(s > 0, s, 1.0)

    def integral(x: Floats) -> Floats:
        return np.asarray(scale * (_ramp((-epsilon - x) / scale) - _ramp((epsilon - x) / scale)))

    noisy = np.clip((integral(near + width) - integral(near)) / divisor, 0.0, 1.0)
    sharp = np.clip((epsilon - near) / divisor, 0.0, 1.0)
    evenly = np.where(s > 0, noisy, sharp)
    return np.where(width > np.maximum(_NARROW * s, 0.0), evenly, _within(near + width / 2.0, epsilon, s))


def _ramp(z: Floats) -> Floats:
    """z Phi(z) + phi(z), the integral of Phi from -infinity to z."""
    return np.asarray(z * ndtr(z) + np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi))


def _mobility(null: xr.Dataset, share: Floats, of_cold: NDArray[np.int64], edges: Floats) -> xr.DataArray:
    """The density of log10 |d + g| on the histogram's own bins."""
    ends = edges[2:-1]
    within = np.full((*null["overlap"].shape, len(ends)), np.nan)
    s = np.sqrt(null["noise_variance"].values)
    for w, t in np.ndindex(s.shape[1:]):
        here = share[:, w, t]
        known = ~np.isnan(null["overlap"].values[:, w, t])
        held = (np.nan_to_num(here) > 0).any(axis=0)
        near, far = edges[:-1][held], edges[1:][held]
        for spread in np.unique(s[known, w, t]):
            same = np.flatnonzero(known & (s[:, w, t] == spread))
            kernel = _within_bins(near, far, ends[:, None], spread)
            within[same, w, t] = here[of_cold[same]][:, held] @ kernel.T
    decades = np.log10(ends)
    density = np.diff(within, axis=-1) / np.diff(decades)
    coords = {
        "displacement": ("bin", 10.0 ** ((decades[1:] + decades[:-1]) / 2.0), {"long_name": "|dw|", "units": "weight"}),
        "share_below": (("replica", "waiting_time", "time"), within[..., 0]),
        "share_above": (("replica", "waiting_time", "time"), 1.0 - within[..., -1]),
    }
    dims = ("replica", "waiting_time", "time", "bin")
    return xr.DataArray(density, coords, dims, attrs=_about("mobility", "1/decade"))

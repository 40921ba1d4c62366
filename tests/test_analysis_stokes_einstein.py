"""Stokes-Einstein, on weights that diffuse freely, in two populations, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analysis_curves import Floats, curves
from scipy.special import erf

import glassnet as gn
from glassnet.analysis import stokes_einstein
from glassnet.theory import brownian

TIMES = gn.log_times(100_000)
WARM = np.array([1e-4, 1e-3, 1e-2])
SHIFT = np.exp(np.random.default_rng(0).normal(0.0, 0.05, (1, 5, 1)))
EPSILON = 1e-3


def populations(fast: float, share: float) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """MSD, Q and alpha_2 of weights of which ``share`` diffuse ``fast`` times as fast as the others."""
    d = 1e-6 * WARM[:, None, None] * SHIFT
    parts: list[tuple[float, Floats]] = [(1.0 - share, 2 * d * TIMES), (share, 2 * fast * d * TIMES)]
    second = sum(s * v for s, v in parts)
    fourth = sum(s * 3 * v**2 for s, v in parts)
    q = sum(s * erf(EPSILON / np.sqrt(2 * v)) for s, v in parts)
    made = [curves(one, TIMES, WARM) for one in (second, q, fourth / (3 * second**2) - 1)]
    return made[0], made[1].assign_coords(epsilon_of_chi=("replica", np.full(15, EPSILON))), made[2]


@pytest.mark.parametrize("threshold", [0.9, float(np.exp(-1))])
def test_free_diffusion_holds(threshold: float) -> None:
    found = stokes_einstein(*populations(1.0, 0.5), threshold=threshold)
    # tau is interpolated between save times and D tau averaged over replicas that differ by 5 %: below 1 %.
    np.testing.assert_allclose(found.ratio, 1.0, atol=0.01)
    np.testing.assert_allclose(found.diffusion, 1e-6 * WARM * SHIFT.mean(), rtol=1e-6)
    np.testing.assert_allclose(found.log_slope, 1.0, atol=1e-9)
    tau = brownian.relaxation_time(threshold, epsilon=EPSILON, temperature=WARM, learning_rate=1e-3, n_samples=1000)
    np.testing.assert_allclose(found.tau, tau, rtol=0.05)
    assert found.outcome.values.tolist() == ["holds"] * 3
    np.testing.assert_allclose(found["alpha"], 0.0, atol=1e-12)


def test_two_populations_break_it() -> None:
    """A tenth of the weights a hundred times as fast carry D, the others tau_e."""
    found = stokes_einstein(*populations(100.0, 0.1), threshold=float(np.exp(-1)))
    assert found.outcome.values.tolist() == ["broken"] * 3
    # D is 10.9 times the slow ones'; tau a little shorter than theirs.
    assert np.all((found.ratio > 5.0) & (found.ratio < 10.9))
    np.testing.assert_allclose(found["alpha"], (0.9 + 0.1 * 1e4) / 10.9**2 - 1.0, rtol=1e-6)


def test_bound_weights_do_not_diffuse() -> None:
    msd, q, alpha = populations(1.0, 0.5)
    found = stokes_einstein(msd**0.5, q, alpha)
    assert found.outcome.values.tolist() == ["not diffusive"] * 3
    never = stokes_einstein(msd, 0.0 * q + 1.0, alpha)
    assert never.outcome.values.tolist() == ["no relaxation time"] * 3
    assert np.isfinite(never.diffusion).all()


def test_scatter_and_single_replicas() -> None:
    msd, q, alpha = populations(1.0, 0.5)
    # Origins whose D differ by a factor of 4 at one tau, the same at all temperatures: 1.6 within a factor of 3.
    wild = msd * xr.DataArray(np.tile([1.0, 0.5, 4.0, 0.7, 2.0], 3), dims="replica")
    scattered = stokes_einstein(wild, q, alpha)
    assert scattered.outcome.values.tolist() == ["not decided"] * 3
    assert np.all((scattered.ratio_low < 1.0) & (scattered.ratio > 1.2))
    one = [x.isel(replica=[0, 5, 10]) for x in (msd, q, alpha)]
    alone = stokes_einstein(*one)
    np.testing.assert_allclose(alone.ratio, 1.0, atol=0.01)
    assert alone.outcome.values.tolist() == ["not decided"] * 3


def test_alpha_may_be_unknown_at_one_temperature() -> None:
    """Where nothing moves alpha_2 is 0/0, which is no reason to lose it where weights do."""
    msd, q, alpha = populations(1.0, 0.5)
    found = stokes_einstein(msd, q, alpha.where(alpha.temperature > 1e-4))
    assert np.isnan(found["alpha"].values).tolist() == [True, False, False]
    assert found.outcome.values.tolist() == ["holds"] * 3


def test_bad_input() -> None:
    msd, q, alpha = populations(1.0, 0.5)
    with pytest.raises(ValueError, match="q must have one epsilon a replica"):
        stokes_einstein(msd, q.drop_vars("epsilon_of_chi"), alpha)
    with pytest.raises(ValueError, match="msd must be of the same 15 replicas as q"):
        stokes_einstein(msd[:3], q, alpha)
    lost = msd.where((msd.time < 50) | (msd.origin > 0)).assign_coords(lost_at=("replica", [50] + [-1] * 14))
    with pytest.raises(ValueError, match="must have lost the same replicas"):
        stokes_einstein(lost, q, alpha)
    with pytest.raises(ValueError, match="msd must be of the same replicas as q, in the same order"):
        stokes_einstein(msd[::-1], q, alpha)
    with pytest.raises(ValueError, match="shortest must be a finite number >= 0, but got nan"):
        stokes_einstein(msd, q, alpha, shortest=np.nan)
    with pytest.raises(ValueError, match="threshold must be between 0 and 1"):
        stokes_einstein(msd, q, alpha, threshold=0.0)
    with pytest.raises(ValueError, match="window must be > 1"):
        stokes_einstein(msd, q, alpha, window=1.0)

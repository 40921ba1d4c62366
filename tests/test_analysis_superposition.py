"""Collapse, departures from the master curve and its exponent, on curves whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_curves import Floats, coverage_tolerance, curves, free

import glassnet as gn
from glassnet.analysis import collapse, master_exponent

TIMES = gn.log_times(300_000)
WARM = np.array([1e-5, 1e-4, 1e-3, 1e-2])
TAU = 0.5 / WARM
E = float(np.exp(-1))


def wobbled(n: int, seed: int = 0, spread: float = 0.03) -> Floats:
    """Relaxation times of n origins at each temperature, ``(temperature, origin)``."""
    return np.asarray(TAU[:, None] * np.exp(np.random.default_rng(seed).normal(0.0, spread, (1, n))))


@pytest.mark.parametrize("master", ["hottest", "free"])
def test_free_diffusion_collapses(master: str) -> None:
    q = curves(free(wobbled(5), TIMES, E), TIMES, WARM)
    found = collapse(q, master=master)  # type: ignore[arg-type]
    assert found.verdict.item() == "collapses"
    # Linear interpolation in log t and the mean over origins of 3 % spread move log Q by less than 0.005.
    assert found.overall.item() < 0.005
    assert found.overall_unscaled.item() > 0.5
    np.testing.assert_allclose(found.tau, TAU, rtol=0.05)
    expected = "is the master curve" if master == "hottest" else "on the master curve"
    assert found.outcome.values.tolist() == ["on the master curve"] * 3 + [expected]
    assert np.isnan(found.left_at).all()
    np.testing.assert_allclose(found.seen_to, TIMES[-1] / found.tau, rtol=0.13)


def test_where_curves_leave() -> None:
    """Each curve stays at a floor: it is 10 % above the master where sqrt(1 + (floor/Q)^2) is."""
    floor = np.array([0.8, 0.4, 0.1, 0.0])[:, None, None]
    pure = free(wobbled(5), TIMES, E)
    found = collapse(curves(np.sqrt(pure**2 + floor**2 * (1 - pure**2)), TIMES, WARM), master="free")
    # At 0.4 the threshold itself is under the floor's influence, and at 0.8 it is never passed.
    assert found.outcome.values.tolist() == [
        "no relaxation time",
        "no relaxation time",
        "left above",
        "on the master curve",
    ]
    # Q^2 + 0.01 = (1.105 Q)^2 at Q = 0.21; the floor lengthens tau_e by a few per cent.
    assert found.q_left.values[2] == pytest.approx(0.21, rel=0.15)
    master = free([1.0], [found.left_at.values[2]], E)[0, 0]
    assert master == pytest.approx(0.21, rel=0.15)


def test_other_shapes_do_not_collapse() -> None:
    """Stretched exponentials of exponents 0.4 to 1: one tau, no common shape."""
    beta = np.array([0.4, 0.6, 0.8, 1.0])[:, None, None]
    x = TIMES / wobbled(5)[..., None]
    found = collapse(curves(np.exp(-(x**beta)), TIMES, WARM), between=(0.1, 5.0))
    assert found.verdict.item() == "does not collapse"
    assert found.overall_low.item() > 0.1
    assert found.outcome.values[0] == "left above"
    same = collapse(curves(np.exp(-np.sqrt(x)), TIMES, WARM), between=(0.1, 5.0))
    assert same.verdict.item() == "collapses"


def test_a_scattered_collapse_is_not_decided() -> None:
    rng = np.random.default_rng(2)
    beta = rng.normal(0.5, 0.1, (4, 3, 1))
    q = np.exp(-((TIMES / wobbled(3)[..., None]) ** beta))
    assert collapse(curves(q, TIMES, WARM), between=(0.1, 5.0)).verdict.item() == "not decided"
    alone = collapse(curves(free(wobbled(3), TIMES, E)[-1:], TIMES, WARM[-1:]))
    assert alone.verdict.item() == "too few temperatures"
    single = collapse(curves(free(wobbled(1), TIMES, E), TIMES, WARM))
    assert single.verdict.item() == "not decided"


@pytest.mark.parametrize(("threshold", "last", "slope"), [(E, 1e3, -0.497), (E, 10.0, -0.486), (0.9, 1e3, -0.464)])
def test_exponent_of_free_diffusion(threshold: float, last: float, slope: float) -> None:
    q = curves(free(wobbled(6, spread=0.01), TIMES, threshold), TIMES, WARM)
    found = master_exponent(q, threshold=threshold, between=(1.0, last))
    assert found.temperature == 1e-2
    assert found.high == pytest.approx(last, rel=0.13)
    # The last digit given, and the save grid's ends, which are within half a step of 12 % of the window's.
    assert found.exponent.value == pytest.approx(slope, abs=0.003)
    assert found.free == pytest.approx(slope, abs=0.003)
    assert abs(found.difference.value) < 1e-3
    assert found.outcome == "compatible with free diffusion"


def test_another_exponent_is_told_from_free_diffusion() -> None:
    x = TIMES / wobbled(6)[..., None]
    steeper = 1.0 / (1.0 + (np.exp(1.0) - 1.0) * x**0.65)
    found = master_exponent(curves(steeper, TIMES, WARM))
    assert found.outcome == "excludes free diffusion"
    assert found.difference.high < -0.02
    alone = master_exponent(curves(steeper[:, :1], TIMES, WARM))
    assert alone.outcome == "not decided"
    assert alone.exponent.value < -0.5


def test_coverage_of_the_difference() -> None:
    """Replicas of 2000 weights whose overlaps scatter as counts do: free diffusion is excluded in 5 % of trials."""
    trials, n, rng = 300, 5, np.random.default_rng(7)
    times = TIMES[(TIMES > 3) & (TIMES < 70_000)][::3]
    excluded = 0
    for _ in range(trials):
        shift = np.exp(rng.normal(0.0, 0.05, n))
        level = free(50.0 * shift, times, E)
        # Common to all times of a replica, as errors along one trajectory nearly are, and steeper or flatter.
        tilt = rng.normal(0.0, 0.01, n)[:, None] * np.log(times / 50.0)
        found = master_exponent(curves(np.minimum(1.0, level * np.exp(tilt)), times))
        excluded += found.outcome == "excludes free diffusion"
    assert 1.0 - excluded / trials == pytest.approx(0.95, abs=coverage_tolerance(trials))


def test_short_windows_and_fast_curves() -> None:
    q = curves(free(wobbled(3), TIMES, E), TIMES, WARM)
    assert master_exponent(q, temperature=1e-5, between=(1.0, 1e3)).outcome == "less than a decade"
    hot = curves(free(wobbled(3) / 1e5, TIMES, E), TIMES, WARM)
    assert master_exponent(hot).outcome == "no relaxation time"
    assert set(collapse(hot).outcome.values) == {"no relaxation time"}
    with pytest.raises(ValueError, match="temperature must be one of"):
        master_exponent(q, temperature=0.3)
    with pytest.raises(ValueError, match="threshold must be between 0 and 1"):
        collapse(q, threshold=1.0)
    with pytest.raises(ValueError, match="between must be two increasing numbers > 0"):
        master_exponent(q, between=(10.0, 1.0))
    with pytest.raises(ValueError, match="tolerance must be a finite number > 0, but got 0"):
        collapse(q, tolerance=0.0)
    with pytest.raises(ValueError, match="shortest must be a finite number >= 0, but got -1"):
        master_exponent(q, shortest=-1)
    with pytest.raises(ValueError, match="master must be one of"):
        collapse(q, master="coldest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="q must have a coordinate temperature"):
        collapse(q.drop_vars("temperature"))

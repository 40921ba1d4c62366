"""The schematic mode-coupling models against exact solutions, a plain twin, and their known exponents."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ive

from glassnet.theory import mode_coupling

Floats = NDArray[np.float64]

TIMES = np.logspace(-3, 8, 45)


def critical_f1(times: Floats) -> Floats:
    """F1 at v1 = 1: the Laplace transform is (sqrt(1 + 4/z) - 1)/2, that of exp(-2t) [I0(2t) + I1(2t)]."""
    return np.asarray(ive(0, 2.0 * times) + ive(1, 2.0 * times))


def test_without_memory_it_is_an_exponential() -> None:
    # Linear interpolation over a step h = t/256 of a block is off by h^2/8 |phi''| <= t^2 exp(-t)/(8 256^2) < 1.1e-6.
    np.testing.assert_allclose(mode_coupling.correlator(TIMES[:20]), np.exp(-TIMES[:20]), atol=2e-6)
    np.testing.assert_allclose(mode_coupling.correlator([2.0, 6.0], tau_0=2.0), np.exp([-1.0, -3.0]), atol=2e-6)


def test_critical_f1_is_exact_over_eleven_decades() -> None:
    exact = critical_f1(TIMES)
    np.testing.assert_allclose(mode_coupling.correlator(TIMES, v1=1.0), exact, rtol=2e-4)
    late = mode_coupling.correlator([1e6, 1e8], v1=1.0)
    # Its tail is (pi t)^-1/2, the exponent that the paper compares with.
    assert np.log(late[1] / late[0]) / np.log(100.0) == pytest.approx(-0.5, abs=1e-4)


def test_second_order_in_the_step() -> None:
    times = np.array([30.0, 3e3, 3e5])
    errors = [
        np.abs(mode_coupling.correlator(times, v1=1.0, points=n) / critical_f1(times) - 1) for n in (128, 256, 512)
    ]
    ratio = np.array(errors[:-1]) / np.array(errors[1:])
    # Halving the step divides the error by 4; interpolation and start add to it, in second order too.
    assert np.all(ratio > 2.5)
    assert np.all(ratio < 6.5)


@pytest.mark.parametrize(("v1", "v2"), [(0.7, 0.0), (1.4, 0.0), (0.0, 3.5), (0.0, 4.4), (0.9, 2.0)])
def test_against_a_plain_uniform_grid(v1: float, v2: float) -> None:
    """The integral written out with the trapezoidal rule on a uniform grid, extrapolated to no step."""
    coarse, fine = plain(v1, v2, 0.01), plain(v1, v2, 0.005)[::2]
    twin = fine + (fine - coarse) / 3.0
    times = 0.01 * np.arange(len(twin))
    found = mode_coupling.correlator(times, v1=v1, v2=v2)
    # What is left of the twin is of fourth order; where its own correction is d, d/3 is the size of what was removed.
    assert np.max(np.abs(found - twin)) < 1e-5 + np.max(np.abs(fine - coarse)) / 30.0


def plain(v1: float, v2: float, step: float, end: float = 8.0) -> Floats:
    n = round(end / step)
    phi = np.ones(n + 1)
    for i in range(1, n + 1):
        phi[i] = phi[i - 1]
        for _ in range(60):
            memory = v1 * phi[: i + 1] + v2 * phi[: i + 1] ** 2
            average = (memory[1:] + memory[:-1]) / 2.0
            # int m(t - s) phi'(s) ds, phi linear in each step, at this and the last time: Crank-Nicolson.
            now = np.sum(average[::-1] * np.diff(phi[: i + 1]))
            before = np.sum(average[: i - 1][::-1] * np.diff(phi[:i])) if i > 1 else 0.0
            new = phi[i - 1] - step / 2.0 * (phi[i] + now + phi[i - 1] + before)
            done = abs(new - phi[i]) < 1e-14
            phi[i] = new
            if done:
                break
    return phi


@pytest.mark.parametrize(
    ("v1", "v2", "f"),
    [
        (1.5, 0.0, 1.0 / 3.0),
        (0.0, 4.5, (1.0 + np.sqrt(1.0 - 4.0 / 4.5)) / 2.0),
        (0.9, 0.0, 0.0),
        (0.0, 3.9, 0.0),
        (0.5, 3.5, None),
    ],
)
def test_long_time_limit(v1: float, v2: float, f: float | None) -> None:
    limit = mode_coupling.non_ergodicity(v1=v1, v2=v2)
    if f is not None:
        assert limit == pytest.approx(f, abs=1e-12)
    assert limit / (1.0 - limit) == pytest.approx(v1 * limit + v2 * limit**2)
    assert mode_coupling.correlator([1e10], v1=v1, v2=v2)[0] == pytest.approx(limit, abs=1e-9)


def test_the_limit_is_continuous_between_models() -> None:
    for v1 in (1.5, 4.0):
        for v2 in (1e-300, 1e-20, 1e-10):
            assert mode_coupling.non_ergodicity(v1=v1, v2=v2) == pytest.approx(1.0 - 1.0 / v1, abs=1e-9)


def test_critical_line_and_exponents() -> None:
    assert mode_coupling.critical_couplings(0.5) == (0.0, 4.0)
    for parameter in np.linspace(0.5, 0.999, 400):
        v1, v2 = mode_coupling.critical_couplings(parameter)
        # On the line f is 1 - lambda, a double root: rounding of 1e-16 moves it by 1e-8.
        assert mode_coupling.non_ergodicity(v1=v1, v2=v2) == pytest.approx(1.0 - parameter, abs=1e-6)
    for parameter in (0.55, 0.7, 0.9):
        v1, v2 = mode_coupling.critical_couplings(parameter)
        assert mode_coupling.non_ergodicity(v1=v1, v2=v2 * 0.999) < 0.01
    # Hard spheres: lambda = 0.735, a = 0.312, b = 0.583 (Goetze 1999).
    np.testing.assert_allclose(mode_coupling.exponents(0.735), (0.312, 0.583), atol=1.5e-3)
    np.testing.assert_allclose(mode_coupling.exponents(0.5), (0.39526, 1.0), atol=1e-5)
    assert mode_coupling.exponents(0.0)[0] == 0.5
    assert np.isnan(mode_coupling.exponents(0.3)[1])


def test_dynamics_has_the_critical_exponents() -> None:
    v1, v2 = mode_coupling.critical_couplings(0.7)
    a, b = mode_coupling.exponents(0.7)
    late = mode_coupling.correlator([1e5, 1e7], v1=v1, v2=v2) - 0.3
    # Corrections go as t^-a relative: 2 % at 1e5.
    assert np.log(late[1] / late[0]) / np.log(100.0) == pytest.approx(-a, rel=0.03)
    times = np.logspace(8, 14, 600)
    slow = 0.3 - mode_coupling.correlator(times, v1=v1, v2=v2 * (1.0 - 1e-6))
    window = (slow > 0.005) & (slow < 0.02)
    # Von Schweidler's law; its correction is relatively of the size of slow/f, 2 to 6 %.
    slope = np.polyfit(np.log(times[window]), np.log(slow[window]), 1)[0]
    assert slope == pytest.approx(b, rel=0.03)


def test_a_correlator_only_falls() -> None:
    for v1, v2 in ((1.0, 0.0), (0.0, 3.999), (0.8, 3.0)):
        phi = mode_coupling.correlator(np.logspace(-8, 9, 300), v1=v1, v2=v2)
        assert phi[0] == pytest.approx(1.0, abs=1e-7)
        assert np.all(np.diff(phi) <= 1e-12)
    assert mode_coupling.correlator([[0.0, 1.0]], v1=0.5).shape == (1, 2)
    assert mode_coupling.correlator(0.0, v2=1.0).item() == 1.0


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="v1 must be finite and >= 0, but got -1"):
        mode_coupling.correlator([1.0], v1=-1.0)
    with pytest.raises(ValueError, match="points must be an even number >= 32, but got 33"):
        mode_coupling.correlator([1.0], points=33)
    with pytest.raises(ValueError, match="times must be finite"):
        mode_coupling.correlator([np.inf])
    with pytest.raises(ValueError, match="exponent_parameter must be from"):
        mode_coupling.exponents(1.0)
    with pytest.raises(ValueError, match="exponent_parameter must be from"):
        mode_coupling.critical_couplings(0.4)

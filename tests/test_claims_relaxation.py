"""Claims on relaxation times and overlaps, each seen to come out in more than one way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from claims_law import N_SAMPLES, RATE, Floats, Moment, ageing, at_depth, bowl, caged, drifting, evidence, free, relaxed

from glassnet.analysis import crossover
from glassnet.analysis.crossover import NOISE_ONLY
from glassnet.analysis.measured import Measured
from glassnet.paper.claims import overlap, relaxation_times
from glassnet.paper.claims.evidence import Evidence
from glassnet.paper.claims.relaxed import Relaxed

HOT = (1e-4, 3e-5, 1e-5, 3e-6, 1e-7, 0.0)
HOTTER = (1e-3, 1e-4, 1e-5, 3e-6)


@pytest.fixture(scope="module")
def landscape() -> Relaxed:
    return relaxed(drifting, loss=0.1)


@pytest.fixture(scope="module")
def flat() -> Relaxed:
    return relaxed(free, "overparameterised", origins=12)


@pytest.fixture(scope="module")
def long() -> Relaxed:
    """Relaxation times far above 100 steps, and a slow drift."""
    return relaxed(
        lambda now: free(now) + 1.5e-8 * now.steps * now.direction,
        temperatures=HOT,
        t_max=100_000,
        waits=(1, 300),
        l2=1e-6,
    )


def _steep(now: Moment) -> Floats:
    """Noise that goes as T^2."""
    return drifting(replace(now, temperature=1e4 * now.temperature**2))


def test_agreement_with_minus_one() -> None:
    def verdict(low: float, high: float) -> str:
        return relaxation_times.slope_agrees(Measured((low + high) / 2, low, high, 5))

    assert verdict(-1.1, -0.95) == "yes"
    assert verdict(-0.99, -0.96) == "yes"
    assert verdict(-3.0, 1.0) == "undecided"
    assert verdict(-0.97, -0.9) == "undecided"
    assert verdict(-0.9, -0.8) == "no"
    assert relaxation_times.slope_agrees(Measured(-1.0, np.nan, np.nan, 1)) == "undecided"


def test_two_regimes(landscape: Relaxed, flat: Relaxed) -> None:
    found = relaxation_times.noise_and_landscape(evidence(landscape), "regularised")
    assert (found.seen, found.null.reading) == ("yes", "explained")
    assert found.null.value == pytest.approx(found.measured.value, abs=0.1)
    assert found.measured.low < -1.0 < found.measured.high

    wrong = relaxed(_steep, "underparameterised", temperatures=(7e-4, 4e-4, 2e-4, 1e-4, 1e-6, 0.0))
    found = relaxation_times.noise_and_landscape(evidence(wrong), "underparameterised")
    assert (found.seen, round(found.measured.value)) == ("no", -2)
    one = relaxation_times.noise_and_landscape(evidence(replace(flat, phase="regularised")), "regularised")
    assert (one.seen, one.decides) == ("undecided", "glassnet run relaxation --phase regularised --scale laptop")
    nothing = relaxation_times.noise_and_landscape(Evidence(), "underparameterised", "cifar10")
    assert nothing.decides == "glassnet run relaxation --phase underparameterised --dataset cifar10 --scale laptop"


def test_noise_only(landscape: Relaxed, flat: Relaxed) -> None:
    found = relaxation_times.noise_only(evidence(flat))
    assert (found.seen, found.null.reading) == ("yes", "stands")
    alone = relaxation_times.noise_only(evidence(flat, shallow=None))
    assert (alone.seen, alone.null.reading) == ("undecided", "untested")
    assert alone.decides.endswith("--phase overparameterised --scale laptop --set stop_loss=1e-05")
    with_gradients = replace(landscape, phase="overparameterised")
    assert relaxation_times.noise_only(evidence(with_gradients)).seen == "undecided"
    on_the_plateau = relaxed(drifting, "overparameterised", loss=0.0)
    found = relaxation_times.noise_only(evidence(on_the_plateau))
    assert (found.seen, found.null.reading) == ("no", "explained")
    # The deepest speaks; the other is said.
    turns = Evidence({("mnist", "overparameterised"): flat}, (at_depth(on_the_plateau, 1e-6),))
    found = relaxation_times.noise_only(turns)
    assert (found.seen, "left 1e-06: no" in found.found) == ("yes", True)


def test_brownian(landscape: Relaxed, flat: Relaxed) -> None:
    found = overlap.brownian(evidence(landscape))
    assert found.seen == "yes"
    assert found.measured.low < 1.0 < found.measured.high
    assert overlap.brownian(evidence(replace(flat, phase="regularised"))).seen == "undecided"
    fast = relaxed(lambda now: drifting(replace(now, temperature=3.0 * now.temperature)))
    found = overlap.brownian(evidence(fast))
    assert found.seen == "no"
    assert found.measured.high < 0.5


def test_two_steps(landscape: Relaxed, flat: Relaxed) -> None:
    under = replace(landscape, phase="underparameterised")
    found = overlap.one_step(evidence(landscape, under, flat))
    assert found.seen in ("yes", "undecided")  # its slope is known to 0.3 only
    assert found.found.count("two steps at T = none") == 3
    cage = relaxed(caged, temperatures=(1e-4, 3e-5, 1e-5))
    assert overlap.one_step(evidence(cage, under, flat)).seen == "no"
    assert "phase overparameterised" in overlap.one_step(evidence(landscape, under)).decides


def test_the_nulls_of_the_master_exponent(long: Relaxed, landscape: Relaxed) -> None:
    found = overlap.master_curve(evidence(relaxed(free, temperatures=HOTTER, t_max=100_000, l2=1e-6)))
    assert found.null.reading == "explained"
    assert found.null.value == pytest.approx(-0.496, abs=0.01)
    assert overlap.master_curve(evidence(landscape)).seen == "undecided"  # less than two decades

    def slow(now: Moment) -> Floats:
        grown = (now.elapsed + now.steps) ** 0.94 - now.elapsed**0.94
        spread = np.sqrt(2.0 * RATE * now.temperature / N_SAMPLES * grown)
        return np.asarray(now.weights + spread[:, None] * now.noise.standard_normal(now.weights.shape))

    found = overlap.master_curve(
        evidence(relaxed(slow, temperatures=HOTTER, t_max=100_000, waits=(1,), origins=8, l2=1e-6))
    )
    assert (found.seen, found.null.reading) == ("yes", "stands")
    held = relaxed(bowl(1e-1), temperatures=HOTTER, t_max=100_000, l2=1e-1, waits=(100_000,))
    assert overlap.master_curve(evidence(held)).seen == "no"


def test_departures(flat: Relaxed, landscape: Relaxed) -> None:
    def irregular(now: Moment) -> Floats:
        held = bowl(0.3)(now)
        return np.where((now.temperature == 1e-4)[:, None], held, drifting(now))

    odd = relaxed(irregular, "underparameterised", waits=(10_000,), loss=0.1, t_max=100_000)
    many = relaxed(free, "overparameterised", origins=12, t_max=100_000)
    assert overlap.departures(evidence(odd, many)).seen == "yes"
    assert overlap.departures(evidence(odd, relaxed(free, "overparameterised", origins=2))).seen == "undecided"
    steady = replace(landscape, phase="underparameterised")
    assert overlap.departures(evidence(steady, flat)).seen == "undecided"  # too short for what it does not show
    bent = relaxed(drifting, "overparameterised", loss=0.0)
    assert overlap.departures(evidence(odd, bent)).seen == "no"


def test_sensitivity() -> None:
    chi = (400.0, 200.0, 100.0, 50.0, 20.0)
    many = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-7, 0.0)

    def power(exponent: float, size: float) -> Relaxed:
        def law(now: Moment) -> Floats:
            grown = (now.elapsed + now.steps) ** exponent - now.elapsed**exponent
            return np.asarray(free(now) + size * grown * now.direction)

        return relaxed(law, temperatures=many, chi=chi, waits=(1,), t_max=100_000)

    shifted = power(0.7, 3.4e-6)
    found = relaxation_times.sensitivity(evidence(shifted))
    assert found.seen == "yes"
    for shape in ("sharp", "rounded"):
        star = [crossover(shifted.tau(chi=one), shape=shape).temperature.value for one in chi]
        decades = -np.polyfit(np.log10(chi), np.log10(star), 1)[0] * np.log10(50.0)
        assert found.measured.low < decades < found.measured.high
    # tau_0 goes as epsilon^(1/0.7) and tau above T* as epsilon^2.
    assert found.measured.value == pytest.approx(np.log10(50.0) * (2.0 - 1 / 0.7), abs=0.2)
    steep = relaxed(_steep, temperatures=(7.5e-4, 4e-4, 2e-4, 1e-4, 3e-5, 1e-6, 0.0), chi=(100.0, 90.0))
    assert relaxation_times.sensitivity(evidence(steep)).seen == "no"
    assert relaxation_times.sensitivity(evidence(relaxed(free))).seen == "undecided"


def test_coarse_saving(long: Relaxed, landscape: Relaxed) -> None:
    found = relaxation_times.coarse_saving(evidence(long))
    assert found.seen == "yes"
    squared = relaxed(
        lambda now: free(replace(now, temperature=1e4 * now.temperature**2)),
        temperatures=(1e-4, 7e-5, 3e-5, 1e-5),
        t_max=100_000,
    )
    assert relaxation_times.coarse_saving(evidence(squared)).seen == "no"
    assert relaxation_times.coarse_saving(evidence(landscape)).seen == "undecided"
    # A flat curve far above 100 steps has no temperature that is known to lie above T*.
    flat = relaxed(lambda now: now.weights + 1e-7 * now.steps * now.direction, temperatures=HOT, t_max=100_000)
    assert "T = none" in relaxation_times.coarse_saving(evidence(flat)).found
    # What bends beyond the run's end is not above T*, though all that is seen looks like one power law.
    cut = relaxed(drifting, temperatures=(1e-2, 3e-3, 1e-3, 5e-4, 1e-5, 0.0), chi=(10.0,), t_max=4_000)
    seen = relaxation_times.coarse_saving(evidence(cut))
    assert cut.crossover.outcome == NOISE_ONLY
    assert "T = 0.003, 0.01:" in seen.found
    one = relaxation_times.coarse_saving(evidence(relaxed(ageing, waits=(100,), t_max=1000)))
    assert "one waiting time only" in one.found

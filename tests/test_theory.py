"""Analytic predictions against direct simulation, in NumPy and by the engines on landscapes where they are exact.

Estimates from n independent weights are held to five standard errors (a chance of 6e-7 each): for a share Q
sqrt(Q(1 - Q)/n); for a mean square displacement sqrt((2 s^2 + 4 m^2 s)/n), since a Gaussian d of mean m and variance s
has var(d^2) = 2 s^2 + 4 m^2 s; for alpha_2 of Gaussians sqrt(24/n)/3, a third of the kurtosis' standard error.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pytest
from conftest import flat_landscape
from numpy.typing import ArrayLike, NDArray

import glassnet as gn
from glassnet import random
from glassnet.engines import Engine
from glassnet.theory import brownian, quadratic_well

Floats = NDArray[np.float64]

N_WALKERS = 20_000


class Physics(TypedDict):
    temperature: float
    learning_rate: float
    n_samples: int


class Well(Physics):
    stiffness: float


PHYSICS = Physics(temperature=0.37, learning_rate=0.13, n_samples=7)
STIFFNESS = 1.9
TIMES = np.array([1, 2, 5, 12, 30])


def agrees(measured: ArrayLike, predicted: ArrayLike, standard_error: ArrayLike) -> bool:
    deviation = np.abs(np.asarray(measured) - np.asarray(predicted))
    return bool(np.all(deviation < 5.0 * np.asarray(standard_error)))


def share_error(q: Floats, n: int) -> Floats:
    return np.asarray(np.sqrt(q * (1.0 - q) / n))


def square_error(mean: Floats, variance: Floats, n: int) -> Floats:
    return np.asarray(np.sqrt((2.0 * variance**2 + 4.0 * mean**2 * variance) / n))


def walk(start: Floats, n_steps: int, stiffness: float, origin: int) -> Floats:
    """w <- (1 - mu k) w + sqrt(2 mu T/P_D) xi, all positions ``(step, walker)``."""
    scale = np.sqrt(2 * PHYSICS["learning_rate"] * PHYSICS["temperature"] / PHYSICS["n_samples"])
    path = [start]
    for step in range(n_steps):
        xi = random.noise(1, origin, 0, step, len(start))
        path.append((1.0 - PHYSICS["learning_rate"] * stiffness) * path[-1] + scale * xi)
    return np.stack(path)


@pytest.fixture(scope="module")
def free_displacement() -> Floats:
    path = walk(np.full(N_WALKERS, 0.4), int(TIMES[-1]), stiffness=0.0, origin=1)
    return np.asarray(path[TIMES] - path[0])


def test_free_weights_move_as_brownian_particles(free_displacement: Floats) -> None:
    epsilon = 0.21
    q = brownian.overlap(TIMES, epsilon=epsilon, **PHYSICS)
    msd = brownian.mean_square_displacement(TIMES, **PHYSICS)
    measured_q = np.mean(np.abs(free_displacement) <= epsilon, axis=1)
    measured_msd = np.mean(free_displacement**2, axis=1)
    alpha_2 = np.mean(free_displacement**4, axis=1) / (3.0 * measured_msd**2) - 1.0
    q_error, msd_error = share_error(q, N_WALKERS), square_error(np.zeros(5), msd, N_WALKERS)
    assert agrees(measured_q, q, q_error)
    assert agrees(measured_msd, msd, msd_error)
    assert agrees(alpha_2, 0.0, np.sqrt(24.0 / N_WALKERS) / 3.0)

    printed = 2.0 / np.sqrt(np.pi) * q
    assert not agrees(measured_q, printed, q_error)
    assert not agrees(measured_msd, 2.0 * msd, msd_error)
    warmer = PHYSICS | {"temperature": 0.4}
    assert not agrees(measured_msd, brownian.mean_square_displacement(TIMES, **warmer), msd_error)
    without_n_samples = PHYSICS | {"n_samples": 1}
    assert not agrees(measured_q, brownian.overlap(TIMES, epsilon=epsilon, **without_n_samples), q_error)


def test_density_of_free_displacements() -> None:
    edges = np.linspace(-0.5, 0.5, 2001)
    centres, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    density = brownian.displacement_density(centres[:, None], [1.0, 3.0], **PHYSICS)
    # The midpoint rule is off by width^2/24 of the density's slope at the ends: below 1e-7 here.
    np.testing.assert_allclose(
        density.sum(axis=0) * width, brownian.overlap([1.0, 3.0], epsilon=0.5, **PHYSICS), atol=1e-6
    )


def test_free_relaxation_time_in_closed_form() -> None:
    thresholds = np.array([0.99, 0.9, np.exp(-1), 0.05])
    tau = brownian.relaxation_time(thresholds, epsilon=1e-3, **PHYSICS)
    np.testing.assert_allclose(brownian.overlap(tau, epsilon=1e-3, **PHYSICS), thresholds, rtol=1e-12)
    d = brownian.diffusion_constant(**PHYSICS)
    assert 1e-6 / (d * tau[1]) == pytest.approx(5.41, abs=0.005)
    cold = PHYSICS | {"temperature": 0.0}
    assert brownian.relaxation_time(epsilon=1e-3, **cold) == np.inf
    assert brownian.overlap(1e9, epsilon=1e-3, **cold) == 1.0
    assert brownian.overlap(0.0, epsilon=1e-3, **PHYSICS) == 1.0


def test_broadcasting() -> None:
    temperature = np.array([0.0, 0.1, 1.0])[:, None]
    q = brownian.overlap(TIMES, epsilon=0.1, temperature=temperature, learning_rate=0.1, n_samples=10)
    assert q.shape == (3, 5)
    well = quadratic_well.overlap(
        TIMES,
        epsilon=0.1,
        stiffness=np.array([0.5, 15.0])[:, None, None],
        temperature=temperature,
        learning_rate=0.1,
        n_samples=10,
        initial_offset=0.0,
        waiting_time=4,
        step="discrete",
    )
    assert well.shape == (2, 3, 5)
    assert np.all(well[:, 0] == 1.0)


@pytest.mark.parametrize("stiffness", [STIFFNESS, 11.0], ids=["monotonic", "overshooting"])
@pytest.mark.parametrize(
    ("initial_offset", "waiting_time"),
    [(0.6, 0), (0.0, 9), (0.6, 4), (0.0, np.inf)],
    ids=["fixed start", "from the minimum", "both", "equilibrium"],
)
def test_weights_in_a_well(stiffness: float, initial_offset: float, waiting_time: float) -> None:
    well = quadratic_well.stationary_variance(stiffness=stiffness, step="discrete", **PHYSICS)
    wait = 0 if np.isinf(waiting_time) else int(waiting_time)
    thermal = np.sqrt(well) * random.noise(2, 0, 0, 0, N_WALKERS)
    start = thermal if np.isinf(waiting_time) else np.full(N_WALKERS, initial_offset)
    path = walk(start, wait + int(TIMES[-1]), stiffness, origin=2)
    displacement = path[wait + TIMES] - path[wait]
    measured_msd = np.mean(displacement**2, axis=1)
    epsilon = 0.2
    measured_q = np.mean(np.abs(displacement) <= epsilon, axis=1)

    def holds(step: quadratic_well.Step = "discrete", heat: float = 1.0, waited: float = waiting_time) -> bool:
        mean, variance = quadratic_well.displacement_moments(
            TIMES,
            stiffness=stiffness,
            temperature=heat * PHYSICS["temperature"],
            learning_rate=PHYSICS["learning_rate"],
            n_samples=PHYSICS["n_samples"],
            initial_offset=initial_offset,
            waiting_time=waited,
            step=step,
        )
        q = quadratic_well.overlap(
            TIMES,
            epsilon=epsilon,
            stiffness=stiffness,
            temperature=heat * PHYSICS["temperature"],
            learning_rate=PHYSICS["learning_rate"],
            n_samples=PHYSICS["n_samples"],
            initial_offset=initial_offset,
            waiting_time=waited,
            step=step,
        )
        return (
            agrees(displacement.mean(axis=1), mean, np.sqrt(variance / N_WALKERS))
            and agrees(measured_msd, mean**2 + variance, square_error(mean, variance, N_WALKERS))
            and agrees(measured_q, q, share_error(q, N_WALKERS))
        )

    assert holds()
    assert not holds(step="continuous")
    assert not holds(heat=2.0)
    assert not holds(waited=1.0)


def test_discrete_steps_tend_to_the_continuous_well_in_first_order() -> None:
    def gap(refinement: int) -> float:
        mu = 0.02 / refinement
        both = [
            quadratic_well.mean_square_displacement(
                50 * refinement,
                stiffness=1.0,
                temperature=0.5,
                learning_rate=mu,
                n_samples=10,
                initial_offset=0.3,
                waiting_time=20 * refinement,
                step=step,
            )
            for step in ("continuous", "discrete")
        ]
        return float(both[1] - both[0])

    # With an error of c mu + O(mu^2), halving mu halves it up to O(mu), here a few per cent.
    assert gap(1) / gap(2) == pytest.approx(2.0, rel=0.03)
    assert gap(8) / gap(16) == pytest.approx(2.0, rel=0.004)


def test_long_times() -> None:
    """G1, H4 and the two-time limit, at the numbers of Appendix H: T = 0.1, k = 0.01, P_D = 60000."""
    paper = Well(stiffness=0.01, temperature=0.1, learning_rate=1e-3, n_samples=60_000)
    v = quadratic_well.stationary_variance(**paper)
    assert v == pytest.approx(1.6667e-4, rel=1e-4)
    fixed = quadratic_well.mean_square_displacement(np.inf, initial_offset=0.0, waiting_time=0, **paper)
    two_time = quadratic_well.mean_square_displacement(np.inf, initial_offset=5.0, waiting_time=np.inf, **paper)
    assert fixed == pytest.approx(v, rel=1e-12)
    assert two_time == pytest.approx(2.0 * v, rel=1e-12)

    def moved(waited: float, time: float) -> float:
        msd = quadratic_well.mean_square_displacement(time, initial_offset=0.0, waiting_time=waited, **paper)
        return float(msd / v)

    assert moved(2e4, 3e5) == pytest.approx(1.30, abs=0.005)
    assert moved(2e3, 2e4) == pytest.approx(0.33, abs=0.005)

    hot = paper | {"temperature": 1e6}
    q_inf = [
        quadratic_well.overlap(np.inf, epsilon=1e-3, initial_offset=0.1, waiting_time=w, **hot) for w in (0, np.inf)
    ]
    # Far below sqrt(v) = 12.9 the density is flat: Q = 2 eps/sqrt(2 pi v), and v doubles for two times.
    assert q_inf[0] == pytest.approx(2e-3 / np.sqrt(2 * np.pi * v * 1e7), rel=1e-4)
    assert q_inf[1] == pytest.approx(q_inf[0] / np.sqrt(2.0), rel=1e-4)


def test_short_times_are_free_diffusion() -> None:
    well = quadratic_well.mean_square_displacement(1e-6, stiffness=1e-3, initial_offset=0.0, waiting_time=0, **PHYSICS)
    # 1 - a^2t = 2 mu k t (1 - mu k t + ...): equal up to mu k t = 1.3e-10, and no digits lost to cancellation.
    np.testing.assert_allclose(well, brownian.mean_square_displacement(1e-6, **PHYSICS), rtol=1e-9)


def test_gradient_descent_on_a_quadratic_is_exact(engine: Engine) -> None:
    landscape = flat_landscape(n_samples=5, l2=STIFFNESS)
    start = gn.Ensemble.random(landscape.network, 3)
    mu = PHYSICS["learning_rate"]
    record = gn.measure(start, landscape, gn.GradientDescent(mu), waiting_times=[0, 3], times=TIMES, engine=engine)
    msd = quadratic_well.mean_square_displacement(
        TIMES[:, None],
        stiffness=STIFFNESS,
        temperature=0.0,
        learning_rate=mu,
        n_samples=5,
        initial_offset=start.weights[:, None, None, :],
        waiting_time=np.array([0, 3])[:, None, None],
        step="discrete",
    ).mean(axis=-1)
    # 33 updates of three roundings each, 1e-16 of a weight, against displacements of a quarter of it and more.
    np.testing.assert_allclose(gn.mean_square_displacement(record), msd, rtol=1e-13)


@pytest.mark.parametrize("l2", [0.0, STIFFNESS], ids=["flat", "bowl"])
def test_engines_follow_the_exact_law(engine: Engine, l2: float) -> None:
    """From all weights at 0, the centre: free diffusion at l2 = 0, else the wait in a well of stiffness l2."""
    landscape = flat_landscape(n_samples=PHYSICS["n_samples"], l2=l2, width=70)
    start = gn.Ensemble.from_weights(landscape.network, np.zeros((4, landscape.network.n_weights)))
    start = start.rename(origin=np.arange(4))
    dynamics = gn.Langevin(PHYSICS["temperature"], PHYSICS["learning_rate"])
    waits, epsilon = np.array([0, 6]), 0.2
    record = gn.measure(start, landscape, dynamics, waiting_times=waits, times=TIMES, epsilon=[epsilon], engine=engine)
    n = start.weights.size
    if l2 == 0.0:
        msd = brownian.mean_square_displacement(TIMES, **PHYSICS)
        q = brownian.overlap(TIMES, epsilon=epsilon, **PHYSICS)
    else:
        msd = quadratic_well.mean_square_displacement(
            TIMES, stiffness=l2, initial_offset=0.0, waiting_time=waits[:, None], step="discrete", **PHYSICS
        )
        q = quadratic_well.overlap(
            TIMES,
            epsilon=epsilon,
            stiffness=l2,
            initial_offset=0.0,
            waiting_time=waits[:, None],
            step="discrete",
            **PHYSICS,
        )
    measured_q = gn.overlap(record, epsilon=epsilon).mean("replica")
    measured_msd = gn.mean_square_displacement(record).mean("replica")
    msd_error = square_error(np.zeros_like(msd), msd, n)
    assert agrees(measured_q, q, share_error(q, n))
    assert agrees(measured_msd, msd, msd_error)
    assert agrees(gn.non_gaussian(record).mean("replica"), 0.0, np.sqrt(24.0 / n) / 3.0)
    assert not agrees(measured_msd, 2.0 * msd, msd_error)
    assert not agrees(measured_msd, msd * PHYSICS["n_samples"], msd_error)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"temperature": -1.0}, r"temperature must be finite and >= 0, but got -1\.0"),
        ({"learning_rate": 0.0}, r"learning_rate must be finite and > 0, but got 0\.0"),
        ({"n_samples": 0}, r"n_samples must be finite and > 0"),
        ({"stiffness": 0.0}, r"stiffness must be finite and > 0"),
        ({"epsilon": [0.1, -0.1]}, r"epsilon must be finite and > 0, but got -0\.1"),
        ({"times": [-1]}, r"times must be >= 0, but got -1\.0"),
        ({"times": [1.5]}, r"times must be whole numbers of discrete steps"),
        ({"waiting_time": np.nan}, r"waiting_time must be >= 0, but got nan"),
        ({"initial_offset": np.inf}, r"initial_offset must be finite, but got inf"),
        ({"stiffness": 20.0, "learning_rate": 0.1}, r"learning_rate times stiffness must be < 2"),
        ({"step": "fast"}, r"step must be one of 'continuous', 'discrete', but got 'fast'"),
    ],
)
def test_bad_input(changed: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "times": [1],
        "epsilon": 0.1,
        "stiffness": 1.0,
        "initial_offset": 0.0,
        "waiting_time": 0,
        "step": "discrete",
        **PHYSICS,
    }
    with pytest.raises(ValueError, match=message):
        quadratic_well.overlap(**(arguments | changed))  # type: ignore[arg-type]


def test_bad_threshold() -> None:
    with pytest.raises(ValueError, match=r"threshold must be between 0 and 1, ends excluded, but got 1\.0"):
        brownian.relaxation_time(1.0, epsilon=0.1, **PHYSICS)
    with pytest.raises(ValueError, match=r"temperature must be finite and > 0"):
        brownian.displacement_density(0.0, 1.0, temperature=0.0, learning_rate=0.1, n_samples=5)

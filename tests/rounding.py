"""How far an engine's step may be from the reference's: a bound of its rounding errors, and random cases to try."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import glassnet as gn
from glassnet import random
from glassnet.engines import Engine, Reference
from glassnet.random import Purpose
from glassnet.simulate.dynamics import Dynamics, Langevin, Sgd, batch_size

Floats = NDArray[np.float64]

LARGEST_NORMAL = 6.77
"""Above every number that :func:`glassnet.random.gaussian` can give."""

RATES = st.sampled_from([1e-3, 0.03, 0.2])
TEMPERATURES = st.sampled_from([1e-4, 0.3, 20.0])


def dynamics_for(n_samples: int) -> st.SearchStrategy[Dynamics]:
    batches = st.integers(1, n_samples)
    return st.one_of(
        st.builds(gn.GradientDescent, RATES),
        st.builds(gn.Langevin, TEMPERATURES, RATES),
        st.builds(gn.Langevin, TEMPERATURES, RATES, batches),
        st.builds(gn.Sgd, RATES, batches, st.sampled_from(["permutation", "replacement"])),
    )


# Beyond 2048 rows there is more than one block to share out and to merge.
WIDTHS = st.integers(1, 40)
ROWS = st.one_of(st.integers(1, 200), st.sampled_from([2049, 4100]))


@st.composite
def cases(
    draw: st.DrawFn,
    rows: st.SearchStrategy[int] = ROWS,
    widths: st.SearchStrategy[int] = WIDTHS,
    most_layers: int = 4,
) -> tuple[gn.Landscape, gn.Ensemble, Dynamics]:
    """Two replicas late in their life, of a landscape on which some rows sleep, and what moves them."""
    n_samples = draw(rows)
    n_features, width, depth = draw(st.integers(1, 20)), draw(widths), draw(st.integers(1, most_layers))
    network = gn.Mlp(n_features, width, depth)
    dataset = gn.random_dataset(n_samples, n_features, seed=draw(st.integers(0, 99)))
    l2 = draw(st.sampled_from([0.0, 1e-2, 0.7]))
    landscape = gn.Landscape(network, dataset, gn.QuadraticHinge(l2=l2))
    start = gn.Ensemble.random(network, 2, seed=draw(st.integers(0, 99)))
    ensemble = gn.Ensemble.from_weights(
        network,
        draw(st.sampled_from([0.5, 1.0, 1.7])) * start.weights,
        seed=5,
        noise=[3, 2**32 - 1],
        step=[7, 2**33],
        dtype=draw(st.sampled_from(["float64", "float32"])),
    )
    return landscape, ensemble, draw(dynamics_for(n_samples))


def rows_of(ensemble: gn.Ensemble, r: int, dynamics: Dynamics, n_samples: int) -> NDArray[np.int64]:
    """The rows of a replica's next step."""
    size = batch_size(dynamics)
    if size is None:
        return np.arange(n_samples)
    seed, origin, noise, step = (int(x[r]) for x in (ensemble.seed, ensemble.origin, ensemble.noise, ensemble.step))
    if isinstance(dynamics, Sgd) and dynamics.sampling == "replacement":
        return random.integers(random.words(Purpose.SGD_REPLACEMENT, seed, origin, noise, step, size), n_samples)
    epoch, position = divmod(step, n_samples // size)
    purpose, noise = (
        (Purpose.SGD_PERMUTATION, 0) if isinstance(dynamics, Sgd) else (Purpose.LANGEVIN_PERMUTATION, noise)
    )
    order = random.permutation(random.words(purpose, seed, origin, noise, epoch, n_samples))
    return order[position * size : (position + 1) * size]


def gradient_error(network: gn.Mlp, weights: Floats, features: Floats, labels: Floats, unit: float) -> Floats:
    """How far a mean data gradient made with unit roundoff ``unit`` may be from the exact one, ``(weight,)``.

    A running error analysis. A sum of n products, in any order and fused or not, is off by at most
    gamma_n = n u / (1 - n u) of the sum of their magnitudes; two more roundings bring the weights to the precision and
    a mean or an activation into the sum. An error e of the terms passes through a matrix as e @ |W|, through ReLU and
    the hinge (both Lipschitz with constant 1) as it is. Where a pre-activation is no further from 0 than its error, the
    backward pass may take either side: there the whole of what it lets through is the error.
    """

    def gamma(n: int) -> float:
        return (n + 2) * unit / (1 - (n + 2) * unit)

    *inner, last = network.unflatten(weights)
    h, e = features, np.zeros_like(features)
    activations, signs = [(h, e)], []
    for matrix in inner:
        z = h @ matrix
        error = e @ np.abs(matrix) + gamma(len(matrix)) * ((np.abs(h) + e) @ np.abs(matrix))
        signs.append((z > error, np.abs(z) <= error))
        h, e = np.maximum(z, 0.0), np.where(z < -error, 0.0, error)
        activations.append((h, e))
    output = (h @ last)[:, 0]
    error = (e @ np.abs(last) + gamma(len(last)) * ((np.abs(h) + e) @ np.abs(last)))[:, 0]
    margin = 1.0 - labels * output
    delta, e_delta = (-labels * np.maximum(margin, 0.0))[:, None], np.where(margin < -error, 0.0, error)[:, None]
    e_delta = e_delta + 2 * unit * np.abs(delta)

    errors: list[Floats] = []
    for matrix, (h, e) in zip((last, *inner[::-1]), activations[::-1], strict=True):
        whole, largest = np.abs(delta) + e_delta, np.abs(h) + e
        errors.append(e.T @ whole + np.abs(h).T @ e_delta + gamma(len(labels) + 2) * (largest.T @ whole))
        if signs:
            on, near = signs.pop()
            back = delta @ matrix.T
            e_back = e_delta @ np.abs(matrix).T + gamma(matrix.shape[1]) * (whole @ np.abs(matrix).T)
            e_delta = np.where(near, np.abs(back) + e_back, on * e_back)
            delta = back * on
    return np.asarray(network.flatten(errors[::-1])) / len(labels)


def check_steps(
    engine: Engine, landscape: gn.Landscape, ensemble: gn.Ensemble, dynamics: Dynamics, defined: Dynamics, n_steps: int
) -> None:
    """Every step of the engine is the one that the reference makes of the same weights under ``defined``.

    Beside the gradient's error, times the learning rate, stand the roundings of the update where the gradients differ:
    of g, g + l2 w, its product with the rate, its difference from w, and the sum with the noise, in either engine. Each
    is at most a unit roundoff of a result, and all results lie within 2 |w| + |new| + |noise|.
    """
    network, data, n = landscape.mlp("the test"), landscape.dataset, len(ensemble)
    warmth = dynamics.temperature if isinstance(dynamics, Langevin) else 0.0
    l2, rate, heat = (np.broadcast_to(x, n) for x in (landscape.loss.l2, dynamics.learning_rate, warmth))
    noise = LARGEST_NORMAL * np.sqrt(2 * rate * heat / data.n_samples)
    coarse, double = (float(np.finfo(t).eps) / 2 for t in (engine.gradient, "float64"))
    fine = float(np.finfo(ensemble.weights.dtype).eps) / 2
    features, labels = data.features.astype(np.float64), data.labels.astype(np.float64)
    session, one = engine.session(ensemble, landscape, dynamics), np.ones(len(ensemble), np.int64)
    for _ in range(n_steps):
        before = session.ensemble
        reference = Reference().session(before, landscape, defined)
        session.advance(one)
        reference.advance(one)
        after, expected = session.ensemble, reference.ensemble
        np.testing.assert_array_equal(after.alive, expected.alive)
        np.testing.assert_array_equal(after.step, expected.step)
        for r in np.flatnonzero(after.alive).tolist():
            rows = rows_of(before, r, dynamics, data.n_samples)
            w = before.weights[r].astype(np.float64)
            new = expected.weights[r].astype(np.float64)
            bound = rate[r] * gradient_error(network, w, features[rows], labels[rows], coarse + double)
            bound += 10 * fine * ((2 + l2[r] * rate[r]) * np.abs(w) + np.abs(new) + noise[r])
            assert np.all(np.abs(after.weights[r] - new) <= bound)

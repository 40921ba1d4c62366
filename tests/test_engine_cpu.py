"""The cpu engine against the definition, and its promise: the same bits on any threads, splits and instructions."""

from __future__ import annotations

import json
import os
import runpy
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import glassnet as gn
from glassnet import _cpu, random
from glassnet.engines import Cpu, Observation, Reference
from glassnet.engines.base import Precision
from glassnet.landscape.surface import mean_data_gradient
from glassnet.random import Purpose
from glassnet.simulate.dynamics import Dynamics

ROOT = Path(__file__).parents[1]
EXAMPLES = settings(max_examples=25, deadline=None)
KERNELS = [
    pytest.param(
        kernel,
        marks=pytest.mark.skipif(
            kernel not in _cpu.supported_kernels(), reason=f"this processor lacks the instructions of {kernel}"
        ),
    )
    for kernel in ("v3", "v3wide", "v4")
]
SHAPES = st.tuples(
    st.integers(1, 300),
    st.integers(1, 20),
    st.one_of(st.integers(1, 40), st.sampled_from([45, 64, 72, 82, 100, 128, 300])),
    st.integers(1, 4),
)
DYNAMICS: list[Dynamics] = [
    gn.GradientDescent(0.02),
    gn.Langevin(0.3, 0.02),
    gn.Langevin(0.3, 0.02, batch_size=70),
    gn.Sgd(0.02, 100),
    gn.Sgd(0.02, 2300),
    gn.Sgd(0.02, 2300, sampling="replacement"),
]


@contextmanager
def forced(kernel: str) -> Iterator[None]:
    """The environment in which the engine uses this kernel."""
    before = os.environ.get("GLASSNET_KERNEL")
    os.environ["GLASSNET_KERNEL"] = kernel
    try:
        yield
    finally:
        if before is None:
            del os.environ["GLASSNET_KERNEL"]
        else:
            os.environ["GLASSNET_KERNEL"] = before


def make(n_samples: int, n_features: int, width: int, depth: int, seed: int = 0) -> tuple[gn.Landscape, gn.Ensemble]:
    """A landscape of random data, and three networks on it."""
    dataset = gn.random_dataset(n_samples, n_features, seed=seed)
    landscape = gn.Landscape(gn.Mlp(n_features, width, depth), dataset, gn.QuadraticHinge(l2=1e-3))
    return landscape, gn.Ensemble.random(landscape.network, n_replicas=3, seed=seed)


def observe(engine: Cpu | Reference, ensemble: gn.Ensemble, landscape: gn.Landscape) -> Observation:
    return engine.session(ensemble, landscape, gn.GradientDescent(0.1)).observe()


def run(
    engine: Cpu | Reference, ensemble: gn.Ensemble, landscape: gn.Landscape, dynamics: Dynamics, *n_steps: list[int]
) -> gn.Ensemble:
    session = engine.session(ensemble, landscape, dynamics)
    for n in n_steps:
        session.advance(np.array(n))
    return session.ensemble


def assert_same_bits(a: gn.Ensemble, b: gn.Ensemble) -> None:
    assert a.weights.tobytes() == b.weights.tobytes()
    assert a.step.tolist() == b.step.tolist()
    assert a.alive.tolist() == b.alive.tolist()


# The definition


@EXAMPLES
@given(SHAPES, st.integers(0, 100))
def test_float64_gradient_is_the_definition_to_rounding(shape: tuple[int, int, int, int], seed: int) -> None:
    landscape, ensemble = make(*shape, seed=seed)
    found, expected = (observe(e, ensemble, landscape) for e in (Cpu(gradient="float64"), Reference()))
    # A chain of n terms is off by at most n eps of its terms' sum; here n is at most 300 in each of 10 products.
    largest = np.abs(expected.gradient).max()
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=0, atol=1e-11 * largest)
    np.testing.assert_allclose(found.data_loss, expected.data_loss, rtol=1e-12)
    np.testing.assert_array_equal(found.awake, expected.awake)
    np.testing.assert_array_equal(found.accuracy, expected.accuracy)


@EXAMPLES
@given(SHAPES, st.integers(0, 100))
def test_float32_gradient_is_the_definition_to_single_precision(shape: tuple[int, int, int, int], seed: int) -> None:
    landscape, ensemble = make(*shape, seed=seed)
    one = ensemble[0]
    rows = rows_off_kinks(landscape, one.weights[0])
    if not rows.any():
        return
    data = landscape.dataset
    kept = gn.Dataset(data.features[rows], data.labels[rows])
    landscape = gn.Landscape(landscape.network, kept, landscape.loss)
    found = observe(Cpu(), one, landscape)
    expected = mean_data_gradient(landscape.mlp("the test"), one.weights[0], kept.features, kept.labels)
    np.testing.assert_allclose(found.gradient[0], expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def rows_off_kinks(landscape: gn.Landscape, weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows no pre-activation or margin of which is so near a kink that single precision may take the other side."""
    data = landscape.dataset
    *inner, last = landscape.mlp("the test").unflatten(weights)
    h: NDArray[np.floating] = data.features.astype(np.float64)
    off = np.ones(data.n_samples, dtype=np.bool_)
    for matrix in inner:
        z = h @ matrix
        off &= np.all(np.abs(z) > 1e-5 * (np.abs(h) @ np.abs(matrix)), axis=1)
        h = np.maximum(z, 0.0)
    margin = data.labels * (h @ last)[:, 0]
    off &= np.abs(margin - 1.0) > 1e-5 * (1.0 + (np.abs(h) @ np.abs(last))[:, 0])
    return off


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=str)
def test_trajectory_is_the_reference_to_rounding(dynamics: Dynamics, dtype: str) -> None:
    landscape, start = make(2500, 5, 9, 2)
    late = [0, 2**40 + 3, 11]
    ensemble = gn.Ensemble.from_weights(
        landscape.network, start.weights, seed=5, noise=[0, 4, 2**32 - 1], step=late, dtype=dtype
    )
    found, expected = (
        run(e, ensemble, landscape, dynamics, [9, 5, 30]) for e in (Cpu(gradient="float64"), Reference())
    )
    # Weights near 1, rounded once or twice a step; gradients differ in the last bits only.
    tolerance = 100 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=0, atol=tolerance)
    assert found.step.tolist() == expected.step.tolist() == [9, 2**40 + 8, 41]


def test_evaluation_of_other_data_is_the_reference() -> None:
    landscape, ensemble = make(3000, 6, 21, 3)
    other = gn.random_dataset(2700, 6, seed=9)
    found, expected = (
        e.evaluate(ensemble.weights, replace(landscape, dataset=other)) for e in (Cpu(gradient="float64"), Reference())
    )
    np.testing.assert_allclose(found.data_loss, expected.data_loss, rtol=1e-13)
    np.testing.assert_array_equal(found.awake, expected.awake)
    np.testing.assert_array_equal(found.accuracy, expected.accuracy)


# The same bits


@pytest.mark.parametrize("gradient", ["float32", "float64"])
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=str)
def test_threads_splits_and_interruptions_change_no_bit(dynamics: Dynamics, gradient: Precision) -> None:
    landscape, ensemble = make(20_000, 10, 10, 2)
    n = [12, 7, 12]
    whole = run(Cpu(1, gradient=gradient), ensemble, landscape, dynamics, n)
    for threads in (2, 3, 8):
        assert_same_bits(run(Cpu(threads, gradient=gradient), ensemble, landscape, dynamics, n), whole)
    parts = run(Cpu(2, gradient=gradient), ensemble, landscape, dynamics, [5, 7, 0], [0, 0, 12], [7, 0, 0])
    assert_same_bits(parts, whole)
    for r in range(3):
        assert_same_bits(run(Cpu(2, gradient=gradient), ensemble[r], landscape, dynamics, [n[r]]), whole[r])


@EXAMPLES
@given(SHAPES, st.sampled_from(["float32", "float64"]), st.sampled_from(["float32", "float64"]))
def test_instruction_sets_find_the_same_bits(shape: tuple[int, int, int, int], dtype: str, gradient: Precision) -> None:
    landscape, _ = make(*shape)
    ensemble = gn.Ensemble.random(landscape.network, 2, dtype=dtype)
    n_samples = landscape.dataset.n_samples
    for dynamics in (gn.Langevin(0.1, 0.01), gn.Sgd(0.01, (n_samples + 1) // 2)):
        found, seen = {}, {}
        for kernel in _cpu.supported_kernels():
            with forced(kernel):
                session = Cpu(1, gradient=gradient).session(ensemble, landscape, dynamics)
                session.advance(np.array([3, 2]))
                observation = session.observe()
                found[kernel] = session.ensemble.weights.tobytes()
                seen[kernel] = (observation.gradient.tobytes(), observation.data_loss.tobytes())
        assert len(set(found.values())) == 1
        assert len(set(seen.values())) == 1


@pytest.mark.parametrize("kernel", KERNELS)
def test_fingerprints(kernel: str) -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "make_fingerprints.py"))
    with forced(kernel):
        assert dict(tool["fingerprints"]()) == json.loads(tool["PATH"].read_text())


@pytest.mark.parametrize("dynamics", DYNAMICS, ids=str)
def test_observing_changes_no_bit(dynamics: Dynamics) -> None:
    landscape, ensemble = make(2500, 10, 14, 2)
    plain = run(Cpu(), ensemble, landscape, dynamics, [3, 3, 3])
    session = Cpu().session(ensemble, landscape, dynamics)
    for _ in range(3):
        first, again = session.observe(), session.observe()
        assert first.gradient.tobytes() == again.gradient.tobytes()
        session.advance(np.array([1, 1, 1]))
    assert_same_bits(session.ensemble, plain)


@EXAMPLES
@given(
    st.sampled_from(list(Purpose)),
    st.tuples(*[st.integers(0, 2**32 - 1)] * 3),
    st.integers(0, 2**56 - 1),
    st.integers(1, 300),
)
def test_random_numbers_are_the_definition(purpose: Purpose, name: tuple[int, int, int], step: int, n: int) -> None:
    for kernel in _cpu.supported_kernels():
        words = _cpu.words(purpose.value, *name, step, n, kernel)
        np.testing.assert_array_equal(words, random.words(purpose, *name, step, n))
        normals = _cpu.normals(*name, step, n, kernel)
        assert normals.tobytes() == random.noise(*name, step, n).tobytes()


@EXAMPLES
@given(st.integers(1, 3000), st.integers(1, 2**32 - 1))
def test_permutation_is_the_stable_sort(n: int, spread: int) -> None:
    words = (random.words(Purpose.SGD_PERMUTATION, 1, 2, 0, 3, n) % np.uint32(spread)).astype(np.uint32)
    np.testing.assert_array_equal(_cpu.permutation(words), random.permutation(words))


# Rows that sleep, and numbers that are not finite


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("gradient", ["float32", "float64"])
def test_a_sleeping_row_of_infinite_output_contributes_nothing(kernel: str, gradient: Precision) -> None:
    network = gn.Mlp(1, 5, 3)
    # Only positive inputs reach the first unit, whose weight takes the large one beyond the numbers.
    weights = np.full(network.n_weights, 0.3)
    weights[:5] = [3.0 if gradient == "float32" else 1e280, -0.5, -0.3, -0.1, -0.7]
    features = np.array([[-0.5], [-0.25], [3e38], [-0.125]], dtype=np.float32)
    seen = []
    with forced(kernel):
        for features[2, 0] in (3e38, 100.0):
            dataset = gn.Dataset(features, np.ones(4, dtype=np.float32))
            landscape = gn.Landscape(network, dataset, gn.QuadraticHinge())
            ensemble = gn.Ensemble.from_weights(network, weights[None])
            seen.append(observe(Cpu(gradient=gradient), ensemble, landscape))
    infinite, finite = seen
    assert finite.awake[0] == 0.75
    assert np.any(finite.gradient != 0)
    assert infinite.gradient.tobytes() == finite.gradient.tobytes()
    assert infinite.data_loss == finite.data_loss


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_weight_beyond_single_precision_in_a_sleeping_row_contributes_nothing(kernel: str) -> None:
    network = gn.Mlp(1, 2, 2)
    # The second unit of the second layer is off (-inf in float32): only the first unit is heard, f = 4.
    matrices = [np.array([[2.0, 1.0]]), np.array([[1.0, -1e39], [1.0, -1e39]]), np.array([[1.0], [1.0]])]
    weights = network.flatten(matrices)[None]
    dataset = gn.Dataset(np.array([[2.0]], dtype=np.float32), np.ones(1, dtype=np.float32))
    landscape = gn.Landscape(network, dataset, gn.QuadraticHinge())
    with forced(kernel):
        seen = observe(Cpu(), gn.Ensemble.from_weights(network, weights), landscape)
    assert seen.awake[0] == 0
    assert np.all(seen.gradient == 0)


@pytest.mark.parametrize("gradient", ["float32", "float64"])
@pytest.mark.parametrize("dynamics", [gn.GradientDescent((3.0, 1e-3, 3.5)), gn.Sgd((3.0, 1e-3, 3.5), 50)], ids=str)
def test_a_diverged_replica_stays_at_its_last_finite_weights(dynamics: Dynamics, gradient: Precision) -> None:
    landscape, ensemble = make(200, 10, 30, 6)
    # The bowl of l2 = 1 alone multiplies the weights by -2 and -2.5 a step.
    landscape = gn.Landscape(landscape.network, landscape.dataset, gn.QuadraticHinge(l2=1.0))
    engine = Cpu(gradient=gradient)
    final = run(engine, ensemble, landscape, dynamics, [1500, 1500, 1500])
    assert final.alive.tolist() == [False, True, False]
    assert final.step[1] == 1500
    assert np.isfinite(final.weights).all()
    assert np.all(final.step[[0, 2]] < 1500)
    before = run(engine, ensemble, landscape, dynamics, final.step.tolist())
    assert before.alive.all()
    assert before.weights.tobytes() == final.weights.tobytes()
    assert_same_bits(run(engine, final, landscape, dynamics, [5, 0, 5]), final)


def test_an_output_that_is_not_a_number_is_awake_and_stops_the_replica() -> None:
    landscape, ensemble = make(30, 3, 8, 2)
    huge = gn.Ensemble.from_weights(landscape.network, np.where(ensemble.weights > 0, 1e30, -1e30))
    seen = observe(Cpu(), huge, landscape)
    assert np.isnan(seen.data_loss).any() or np.isinf(seen.data_loss).all()
    final = run(Cpu(), huge, landscape, gn.GradientDescent(1e-3), [4, 4, 4])
    assert not final.alive.any()
    assert np.all(final.step == 0)
    assert final.weights.tobytes() == huge.weights.tobytes()


def test_subnormal_numbers_are_flushed_in_the_engine_only() -> None:
    landscape, ensemble = make(100, 3, 8, 2)
    tiny = gn.Ensemble.from_weights(landscape.network, np.full_like(ensemble.weights, 1e-310))
    final = run(Cpu(), tiny, landscape, gn.GradientDescent(0.1), [1, 1, 1])
    assert np.all(final.weights == 0)
    assert np.all(tiny.weights * 0.5 > 0)


def test_a_dead_network_goes_on() -> None:
    landscape, ensemble = make(100, 3, 8, 2)
    weights = np.zeros_like(ensemble.weights)
    dead = gn.Ensemble.from_weights(landscape.network, weights)
    final = run(Cpu(), dead, landscape, gn.GradientDescent(0.1), [10, 10, 10])
    assert final.alive.all()
    assert np.all(final.step == 10)
    assert np.all(final.weights == 0)
    assert np.all(observe(Cpu(), final, landscape).data_loss == 0.5)


# Stopping, and what is refused


@pytest.mark.parametrize("shape", [(100, 4, 6, 2), (60_000, 10, 300, 6)], ids=["short steps", "one long step"])
def test_ctrl_c_comes_back_between_whole_updates(shape: tuple[int, int, int, int]) -> None:
    landscape, ensemble = make(*shape)
    dynamics = gn.GradientDescent(1e-3)
    session = Cpu(2).session(ensemble, landscape, dynamics)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        session.advance(np.full(3, 2**40))
    timer.join()
    stopped = session.ensemble
    assert_same_bits(stopped, run(Cpu(2), ensemble, landscape, dynamics, stopped.step.tolist()))


def test_a_session_is_refused_to_a_second_thread() -> None:
    landscape, ensemble = make(60_000, 10, 100, 6)
    session = Cpu(1).session(ensemble[0], landscape, gn.GradientDescent(1e-3))
    worker = threading.Thread(target=session.advance, args=(np.array([1]),))
    refusals = []
    worker.start()
    while worker.is_alive():
        try:
            _ = session.ensemble
        except RuntimeError as error:
            refusals.append(str(error))
    worker.join()
    assert set(refusals) == {"this session is at work in another thread"}


def test_unknown_kernels_and_settings_are_refused() -> None:
    landscape, ensemble = make(10, 2, 3, 1)
    with forced("v5"), pytest.raises(ValueError, match=r"GLASSNET_KERNEL must be v3, v4 or v3wide .*'v5'"):
        observe(Cpu(), ensemble, landscape)
    if "v4" not in _cpu.supported_kernels():
        with forced("v4"), pytest.raises(ValueError, match="'v4', which needs AVX-512"):
            observe(Cpu(), ensemble, landscape)
    with pytest.raises(ValueError, match="threads must be an integer >= 1, but got 0"):
        Cpu(threads=0)
    with pytest.raises(ValueError, match="gradient must be one of 'float32', 'float64', but got 'float16'"):
        Cpu(gradient="float16")  # type: ignore[arg-type]

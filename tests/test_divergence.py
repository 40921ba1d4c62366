"""A replica ends at the same update in every engine of the same precision, as CONVENTIONS.md, "Lost replicas", says."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import glassnet as gn
from glassnet.engines import Cpu, Engine, Reference, Torch, Triton, defined_sums
from glassnet.simulate.dynamics import Dynamics

N_STEPS = 40

try:
    import torch
except ImportError:
    HAS_INTERPRETER = False
else:
    HAS_INTERPRETER = not torch.cuda.is_available()
    if HAS_INTERPRETER:
        os.environ["TRITON_INTERPRET"] = "1"

# NumPy, in which Triton's interpreter computes, warns where a replica overflows.
pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero):RuntimeWarning")


def others(gradient: str) -> list[Engine]:
    """The engines beside cpu whose gradient can have a precision, on the processor."""
    found: list[Engine] = [Reference()] if gradient == "float64" else []
    with suppress(ImportError):
        found.append(Torch("cpu", gradient=gradient, threads=1))  # type: ignore[arg-type]
    return found


def problem(shape: tuple[int, int, int, int], features: float, l2: float, seed: int = 0) -> gn.Landscape:
    """A landscape of (rows, features, width, depth) with features of about this size."""
    n_rows, n_features, width, depth = shape
    rng = np.random.default_rng(seed)
    rows = (features * rng.normal(size=(n_rows, n_features))).astype(np.float32)
    labels = np.where(rng.random(n_rows) < 0.5, -1, 1).astype(np.float32)
    return gn.Landscape(gn.Mlp(n_features, width, depth), gn.Dataset(rows, labels), gn.QuadraticHinge(l2=l2))


def replicas(landscape: gn.Landscape, dtype: Any, std: float | None = None, seed: int = 0) -> gn.Ensemble:
    start = gn.Ensemble.random(landscape.network, 3, seed=seed, dtype=dtype)
    return start if std is None else replace(start, weights=(start.weights / start.weights.std() * std).astype(dtype))


def check_same_end(
    start: gn.Ensemble, landscape: gn.Landscape, dynamics: Dynamics, engine: Engine, n_steps: int = N_STEPS
) -> gn.Ensemble:
    """The engine and cpu lose the same replicas after the same steps, at the same weights but for rounding."""
    wanted = gn.evolve(start, landscape, dynamics, n_steps, engine=Cpu(1, gradient=engine.gradient))
    found = gn.evolve(start, landscape, dynamics, n_steps, engine=engine)
    assert found.alive.tolist() == wanted.alive.tolist()
    assert found.step.tolist() == wanted.step.tolist()
    assert np.isfinite(found.weights).all()
    single = "float32" in (engine.gradient, str(start.weights.dtype))
    size = np.maximum(np.abs(wanted.weights.astype(np.float64)).max(axis=1, keepdims=True), 1e-30)
    apart = np.abs(found.weights / size - wanted.weights / size).max()
    # A step may raise the weights to the power 2 depth + 1 and so multiply their rounding errors by as much.
    assert apart < (1e-3 if single else 1e-9)
    return wanted


CASES = st.fixed_dictionaries(
    {
        "shape": st.tuples(st.integers(1, 40), st.integers(1, 12), st.integers(1, 40), st.integers(1, 3)),
        "features": st.one_of(*(st.floats(*ends).map(lambda p: 10.0**p) for ends in ((-25, -15), (-3, 3), (5, 30)))),
        "bowl": st.one_of(st.just(0.0), st.floats(2.1, 4.0), st.floats(0, 8).map(lambda p: 10.0**p)),
        "rate": st.floats(-4, 1).map(lambda p: 10.0**p),
        "kind": st.integers(0, 5),
        "batch": st.integers(1, 40),
        "std": st.one_of(st.none(), st.floats(-5, 30).map(lambda p: 10.0**p)),
        "seed": st.integers(0, 1000),
    }
)


def dynamics_of(kind: int, rate: float, batch: int) -> Dynamics:
    kinds: list[Dynamics] = [
        gn.Sgd(rate, 1, "replacement"),
        gn.Sgd(rate, batch, "replacement"),
        gn.Sgd(rate, batch),
        gn.GradientDescent(rate),
        gn.Langevin([0.0, 1e-3, 1e3], rate),
        gn.Langevin(1.0, rate, batch),
    ]
    return kinds[kind]


HUGE = {"shape": (28, 7, 39, 3), "features": 1.2e9, "bowl": 3.0, "rate": 5.7e-4, "kind": 0, "batch": 1, "std": None}
TINY = {"shape": (20, 4, 31, 1), "features": 1e-20, "bowl": 1e7, "rate": 1e-3, "kind": 0, "batch": 1, "std": None}
"""A batch of one row whose active units overflow, while those of other rows do not."""


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("gradient", ["float64", "float32"])
@settings(max_examples=12, deadline=None, derandomize=True)
@given(case=CASES)
@example(case={**TINY, "seed": 0})
@example(case={**HUGE, "seed": 0})
def test_replicas_end_where_those_of_the_cpu_engine_do(gradient: str, dtype: Any, case: dict[str, Any]) -> None:
    shape, rate = case["shape"], case["rate"]
    landscape = problem(shape, case["features"], case["bowl"] / rate, case["seed"])
    start = replicas(landscape, dtype, case["std"], case["seed"])
    dynamics = dynamics_of(case["kind"], rate, min(case["batch"], shape[0]))
    for engine in others(gradient):
        check_same_end(start, landscape, dynamics, engine)


@pytest.mark.skipif(not HAS_INTERPRETER, reason="Triton's interpreter needs PyTorch, and a machine without a GPU")
@pytest.mark.parametrize(
    ("kind", "features", "std"),
    [
        (0, 1e-20, None),
        pytest.param(2, 1.0, 1e12, marks=pytest.mark.long),
        pytest.param(3, 1e-20, None, marks=pytest.mark.long),
        pytest.param(3, 1e25, None, marks=pytest.mark.long),
    ],
)
def test_replicas_of_the_triton_engine_too(kind: int, features: float, std: float | None) -> None:
    pytest.importorskip("triton")
    landscape = problem((6, 3, 17, 2), features, l2=1e10)
    start = replicas(landscape, np.float64, std)
    check_same_end(start, landscape, dynamics_of(kind, 1e-3, 2), Triton("cpu"), n_steps=8)


@pytest.mark.parametrize("engine", [*others("float64"), *others("float32")], ids=lambda e: f"{e.name}-{e.gradient}")
def test_what_sleeps_does_not_end_a_replica_even_where_it_is_infinite(engine: Engine) -> None:
    # Two units, of which the row wakes one, which is infinite, as is the output, on the right side.
    network = gn.Mlp(1, 2, 1)
    data = gn.Dataset(np.full((1, 1), 1e10, np.float32), np.ones(1, np.float32))
    landscape = gn.Landscape(network, data, gn.QuadraticHinge())
    huge = 1e300 if engine.gradient == "float64" else 1e30
    start = gn.Ensemble.from_weights(network, np.array([[huge, -huge, huge, huge]]))
    wanted = check_same_end(start, landscape, gn.GradientDescent(0.1), engine)
    assert wanted.step.tolist() == [N_STEPS]
    assert np.array_equal(wanted.weights, start.weights)
    record = gn.measure(start, landscape, gn.GradientDescent(0.1), times=[1], engine=engine)
    assert (record.data.gradient_norm == 0).all()
    assert (record.data.data_loss == 0).all()


def test_a_sum_that_overflows_on_the_way_only_loses_the_replica_as_well() -> None:
    # The output is 0, and infinity minus infinity in the order of the definition: lanes 0 and 2, then 1 and 3.
    data = gn.Dataset(np.ones((1, 1), np.float32), np.ones(1, np.float32))
    landscape = gn.Landscape(gn.Mlp(1, 4, 1), data, gn.QuadraticHinge())
    weights = np.array([[1e200] * 4 + [1.5e108, -1.5e108] * 2])
    start = gn.Ensemble.from_weights(landscape.network, weights)
    wanted = check_same_end(start, landscape, gn.GradientDescent(1e-300), Reference())
    assert wanted.step.tolist() == [0]


@pytest.mark.parametrize("engine", [*others("float64"), *others("float32")], ids=lambda e: f"{e.name}-{e.gradient}")
def test_lost_at_is_the_same(engine: Engine) -> None:
    landscape = problem((20, 4, 31, 1), 1e-20, l2=1e10)
    start = replicas(landscape, np.float64)
    sgd = gn.Sgd(1e-3, 1, "replacement")
    one, other = (
        gn.measure(start, landscape, sgd, times=[1, 2, N_STEPS], engine=maker).data.lost_at.values
        for maker in (engine, Cpu(gradient=engine.gradient))
    )
    assert one.tolist() == other.tolist()
    assert (one > 0).all()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 150), st.integers(1, 12), st.integers(1, 40), st.integers(1, 3)),
    seed=st.integers(0, 100),
)
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_the_defined_sums_are_those_of_the_cpu_engine(precision: Any, shape: Any, seed: int) -> None:
    landscape = problem(shape, 1.0, l2=0.0, seed=seed)
    start, data = replicas(landscape, np.float64, seed=seed), landscape.dataset
    session = Cpu(1, gradient=np.dtype(precision).name).session(start, landscape, gn.GradientDescent(0.1))
    for weights, wanted in zip(start.weights, session.observe().gradient, strict=True):
        found = defined_sums.mean_gradient(
            landscape.mlp("the test"), weights, data.features, data.labels, precision=precision
        )
        # The same operations, of which one in 2^11 or so is rounded twice.
        assert np.allclose(found, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max() * np.finfo(precision).eps / 1.2e-7)


def test_the_precision_of_the_gradient_may_decide() -> None:
    # A weight beyond float32 is infinite to a float32 gradient only.
    landscape = problem((20, 4, 31, 1), 1e-20, l2=1e10)
    start = replicas(landscape, np.float64)
    sgd = gn.Sgd(1e-3, 1, "replacement")
    single, double = (gn.evolve(start, landscape, sgd, N_STEPS, engine=Cpu(gradient=g)) for g in ("float32", "float64"))
    assert (single.step < double.step).all()

"""The torch and triton engines: the random numbers of every engine, and the definition to rounding.

Without a GPU, PyTorch works on the processor and Triton's kernels in its interpreter, which runs the same code.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import flat_landscape, small_landscape
from hypothesis import given, settings
from hypothesis import strategies as st
from program import glassnet
from rounding import cases, check_steps, gradient_error

import glassnet as gn
from glassnet import random
from glassnet._check import MAX_NAME
from glassnet.engines import Engine, Reference, Torch, Triton
from glassnet.engines.workload import workload
from glassnet.random import Purpose
from glassnet.simulate.dynamics import Dynamics

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'glassnet[torch]')")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

GPU = bool(torch.cuda.is_available())
DEVICE = "cuda" if GPU else "cpu"
if not GPU:
    os.environ["TRITON_INTERPRET"] = "1"
try:
    import triton  # noqa: F401
except ImportError:
    NO_TRITON = pytest.mark.skip(reason="Triton is not installed")
else:
    NO_TRITON = pytest.mark.skipif(False, reason="Triton is installed")

if GPU:
    pytestmark = pytest.mark.gpu
NEEDS_GPU = [pytest.mark.gpu, pytest.mark.skipif(not GPU, reason="there is no NVIDIA GPU here")]

ENGINES = [
    pytest.param(Torch(DEVICE, gradient="float64"), id="torch-float64"),
    pytest.param(Torch(DEVICE), id="torch-float32"),
    pytest.param("triton", id="triton", marks=NO_TRITON),
]
DYNAMICS: list[Dynamics] = [
    gn.GradientDescent(0.05),
    gn.Langevin([0.3, 0.0, 2.0], 0.02),
    gn.Langevin(0.3, 0.02, batch_size=17),
    gn.Sgd([0.02, 0.05, 0.01], 20),
    gn.Sgd(0.02, 20, sampling="replacement"),
]


def made(engine: Engine | str) -> Engine:
    return Triton(DEVICE) if isinstance(engine, str) else engine


def moved(engine: Engine, ensemble: gn.Ensemble, landscape: gn.Landscape, dynamics: Dynamics, *n_steps: int) -> Any:
    session = engine.session(ensemble, landscape, dynamics)
    for n in n_steps:
        session.advance(np.full(len(ensemble), n))
    return session.ensemble


def check_gradient(maker: Engine, landscape: gn.Landscape, ensemble: gn.Ensemble, found: Any) -> None:
    """The mean data gradients of all rows are the reference's within the bound of rounding errors."""
    data = landscape.dataset
    wanted = Reference().session(ensemble, landscape, gn.GradientDescent(0.1)).observe().gradient
    unit = float(np.finfo(maker.gradient).eps + np.finfo(np.float64).eps) / 2
    for weights, one, other in zip(ensemble.weights, found, wanted, strict=True):
        features, labels = data.features.astype(np.float64), data.labels.astype(np.float64)
        assert np.all(np.abs(one - other) <= gradient_error(landscape.mlp("the test"), weights, features, labels, unit))


@settings(max_examples=20, deadline=None)
@given(
    name=st.tuples(*[st.integers(0, MAX_NAME)] * 3, st.integers(0, 2**40)),
    n=st.integers(1, 300),
    rows=st.integers(1, 2**31),
)
def test_random_numbers_are_those_of_every_engine(name: tuple[int, int, int, int], n: int, rows: int) -> None:
    from glassnet.engines.tensors import random as tensors

    named = torch.tensor([name, name], device=DEVICE)
    words = random.words(Purpose.SGD_REPLACEMENT, *name, n)
    found = tensors.words(Purpose.SGD_REPLACEMENT, named, n)
    assert np.array_equal(found[1].cpu().numpy(), words)
    assert np.array_equal(tensors.integers(found[0], rows).cpu().numpy(), random.integers(words, rows))
    assert np.array_equal(tensors.noise(named, n)[1].cpu().numpy(), random.noise(*name, n))


@pytest.mark.parametrize("engine", ENGINES)
def test_pure_noise_is_that_of_every_engine_bit_for_bit(engine: Engine | str) -> None:
    landscape = flat_landscape(n_samples=7, l2=0.0, width=9)
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=2, seed=5)
    ensemble = replace(ensemble, noise=np.array([3, 2**32 - 1]), step=np.array([0, 2**33 + 5]))
    dynamics = gn.Langevin([0.7, 1e-6], [0.3, 1e-3])
    assert np.array_equal(
        moved(made(engine), ensemble, landscape, dynamics, 2).weights,
        moved(Reference(), ensemble, landscape, dynamics, 2).weights,
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(60, 4, 6, 2), (70, 3, 1, 1), (40, 11, 20, 3), (65, 2, 70, 2)])
def test_gradient_and_loss_are_the_definition(engine: Engine | str, shape: tuple[int, int, int, int]) -> None:
    n_samples, n_features, width, depth = shape
    landscape = small_landscape(n_samples=n_samples, n_features=n_features, width=width, depth=depth)
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=3, seed=1)
    maker = made(engine)
    found = maker.session(ensemble, landscape, gn.GradientDescent(0.1)).observe()
    wanted = Reference().session(ensemble, landscape, gn.GradientDescent(0.1)).observe()
    check_gradient(maker, landscape, ensemble, found.gradient)
    for weight in (0, ensemble.network.n_weights // 2):
        dropped = found.gradient.copy()
        dropped[1, np.argsort(-np.abs(dropped[1]))[weight]] = 0.0
        if not np.array_equal(dropped, found.gradient):
            with pytest.raises(AssertionError):
                check_gradient(maker, landscape, ensemble, dropped)
    # Half a square changes by slack and error times the error, and an output's error is that of the last layer's
    # gradient over its activations: a product of depth + 1 factors, each of at most so many terms.
    unit = float(np.finfo(maker.gradient).eps) / 2
    assert found.data_loss == pytest.approx(wanted.data_loss, rel=4 * unit * (depth + 1) * (max(n_features, width) + 2))
    assert np.array_equal(found.awake, wanted.awake)
    assert np.array_equal(found.accuracy, wanted.accuracy)
    again = maker.evaluate(ensemble.weights, landscape)
    assert np.array_equal(again.data_loss, found.data_loss)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: f"{type(d).__name__}-{getattr(d, 'batch_size', None)}")
def test_steps_are_the_definition(engine: Engine | str, dynamics: Dynamics) -> None:
    landscape = small_landscape(width=9, l2=[0.0, 1e-2, 0.1])
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=3, seed=2)
    ensemble = replace(ensemble, step=np.array([0, 2, 7]))
    maker = made(engine)
    found = moved(maker, ensemble, landscape, dynamics, 2, 3)
    assert found.step.tolist() == [5, 7, 12]
    assert np.abs(found.weights - ensemble.weights).max() > 1e-3
    check_steps(maker, landscape, ensemble, dynamics, dynamics, n_steps=5)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(case=cases(), gradient=st.sampled_from(["float32", "float64"]))
def test_every_step_of_torch_is_the_reference_to_its_rounding_bound(
    case: tuple[gn.Landscape, gn.Ensemble, Dynamics], gradient: Any
) -> None:
    landscape, ensemble, dynamics = case
    check_steps(Torch(DEVICE, gradient=gradient), landscape, ensemble, dynamics, dynamics, n_steps=2)


@NO_TRITON
@settings(max_examples=12, deadline=None, derandomize=True)
@given(case=cases(st.integers(1, 90), st.sampled_from([1, 5, 16, 30, 70]), 3))
def test_every_step_of_triton_is_the_reference_to_its_rounding_bound(
    case: tuple[gn.Landscape, gn.Ensemble, Dynamics],
) -> None:
    landscape, ensemble, dynamics = case
    check_steps(Triton(DEVICE), landscape, ensemble, dynamics, dynamics, n_steps=2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("wrong", "defined"),
    [
        (gn.Langevin(0.3 * 1.05**2, 0.02), gn.Langevin(0.3, 0.02)),
        (gn.Langevin(0.0, 0.02 * 1.001), gn.Langevin(0.0, 0.02)),
        (gn.Langevin(0.3, 0.02), gn.Langevin(0.3, 0.02, batch_size=59)),
        (gn.Sgd(0.02, 30, "replacement"), gn.Sgd(0.02, 30, "permutation")),
    ],
    ids=["noise 5 % too large", "steps 0.1 % too long", "one row too many", "rows drawn otherwise"],
)
def test_a_wrong_step_is_not_within_the_bound(engine: Engine | str, wrong: Dynamics, defined: Dynamics) -> None:
    landscape = small_landscape(width=9)
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=2, seed=2)
    check_steps(made(engine), landscape, ensemble, wrong, wrong, n_steps=1)
    with pytest.raises(AssertionError):
        check_steps(made(engine), landscape, ensemble, wrong, defined, n_steps=1)


@pytest.mark.parametrize("engine", ENGINES)
def test_replicas_that_end_at_different_steps(engine: Engine | str) -> None:
    landscape = small_landscape()
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=3, seed=2)
    maker, dynamics = made(engine), gn.Sgd(0.05, 20)
    session = maker.session(ensemble, landscape, dynamics)
    session.advance(np.array([4, 0, 2]))
    assert session.ensemble.step.tolist() == [4, 0, 2]
    assert np.array_equal(session.ensemble.weights[1], ensemble.weights[1])
    alone = moved(maker, ensemble[[2]], landscape, dynamics, 2).weights[0]
    assert session.ensemble.weights[2] == pytest.approx(alone, abs=1e-7)


# Triton's interpreter computes in NumPy, which warns where a replica overflows.
@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_replica_that_diverges_stops_at_its_last_finite_weights(engine: Engine | str) -> None:
    landscape = small_landscape()
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=3, seed=2)
    for dynamics in (gn.GradientDescent([0.1, 1e30, 0.1]), gn.Sgd([0.1, 1e30, 0.1], 30)):
        found = moved(made(engine), ensemble, landscape, dynamics, 4)
        assert found.alive.tolist() == [True, False, True]
        assert found.step[1] < 4
        assert np.isfinite(found.weights).all()
        assert found.step[[0, 2]].tolist() == [4, 4]


@pytest.mark.parametrize("engine", ENGINES)
def test_float32_weights(engine: Engine | str) -> None:
    landscape = small_landscape()
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=2, seed=2, dtype=np.float32)
    dynamics = gn.Langevin(0.1, 0.05)
    assert moved(made(engine), ensemble, landscape, dynamics, 3).weights.dtype == np.float32
    check_steps(made(engine), landscape, ensemble, dynamics, dynamics, n_steps=3)


@NO_TRITON
def test_triton_bits_depend_on_no_neighbour_and_no_split() -> None:
    landscape = small_landscape(width=9)
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=3, seed=2)
    for dynamics in (gn.Langevin(0.1, 0.05), gn.Sgd(0.05, 17)):
        together = moved(Triton(DEVICE), ensemble, landscape, dynamics, 4).weights
        alone = moved(Triton(DEVICE), ensemble[[1]], landscape, dynamics, 1, 3).weights
        assert np.array_equal(together[1], alone[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_everything_downstream_works(engine: Engine | str) -> None:
    landscape = small_landscape()
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=2, seed=2)
    asked: dict[str, Any] = {"times": [1, 2], "waiting_times": [0, 1], "chi": [2.0]}
    dynamics = gn.Langevin(0.5, 0.05)
    maker = made(engine)
    record = gn.measure(ensemble, landscape, dynamics, engine=maker, **asked)
    exact = gn.measure(ensemble, landscape, dynamics, engine="reference", **asked)
    assert np.allclose(gn.overlap(record, chi=2.0), gn.overlap(exact, chi=2.0), atol=2.0 / ensemble.network.n_weights)
    assert np.allclose(gn.mean_square_displacement(record), gn.mean_square_displacement(exact), rtol=1e-4)
    longer = gn.extend(record, landscape, [4], engine=maker)
    assert longer.ensemble.step.tolist() == [5, 5]


@NO_TRITON
def test_triton_refuses_more_features_than_it_can_hold() -> None:
    landscape = small_landscape(n_features=65)
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=1)
    with pytest.raises(ValueError, match="n_features must be at most 64 with engine 'triton', but got 65"):
        gn.evolve(ensemble, landscape, gn.GradientDescent(0.1), 1, engine=Triton(DEVICE))


def test_what_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"device must be one of .*cpu here, but got 'nonsense'"):
        Torch("nonsense")
    with pytest.raises(ValueError, match="gradient must be one of"):
        Torch(gradient="float16")  # type: ignore[arg-type]
    if not GPU:
        with pytest.raises(ValueError, match="device must be one of cpu here, but got 'cuda'"):
            Torch("cuda")


@pytest.mark.skipif(GPU, reason="there is a GPU here")
def test_the_command_line_says_what_is_missing_in_one_line(tmp_path: Path) -> None:
    done = glassnet("run", "relaxation", "--engine", "triton", "--output", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: device must be one of cpu here, but got 'cuda'")
    assert done.stderr.count("\n") == 1


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads cannot be counted here")
def test_torch_works_on_as_many_threads_as_it_is_given() -> None:
    code = """
import os, sys, glassnet as gn
landscape = gn.Landscape(gn.Mlp(8, 256, 2), gn.random_dataset(4096, 8, seed=0), gn.QuadraticHinge())
ensemble = gn.Ensemble.random(landscape.network, 2)
engine = gn.engines.Torch("cpu", threads=int(sys.argv[1]))
session = engine.session(ensemble, landscape, gn.GradientDescent(0.1))
before = len(os.listdir("/proc/self/task"))
session.observe()
session.advance(session.ensemble.step + 2)
engine.evaluate(ensemble.weights, landscape)
print(len(os.listdir("/proc/self/task")) - before)
"""
    begun = [
        int(subprocess.run([sys.executable, "-c", code, n], capture_output=True, text=True, check=True).stdout)
        for n in ("1", "3")
    ]
    assert begun[0] == 0
    assert begun[1] > 0
    with pytest.raises(ValueError, match="threads must be an integer >= 1, but got 0"):
        Torch("cpu", threads=0)


class Tensors(TorchDispatchMode):  # type: ignore[misc]
    """The most bytes that tensors had at once, each storage once, as far as operations saw them."""

    def __init__(self) -> None:
        super().__init__()
        self.most, self._alive = 0, dict[int, Any]()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        result = function(*arguments, **(options or {}))
        for one in tree_leaves((arguments, options, result)):
            if isinstance(one, torch.Tensor):
                self._alive[id(one)] = weakref.ref(one)
        self._alive = {key: found for key, found in self._alive.items() if found() is not None}
        storages = [found().untyped_storage() for found in self._alive.values()]
        self.most = max(self.most, sum({one.data_ptr(): one.nbytes() for one in storages}.values()))
        return result


@pytest.mark.skipif(GPU, reason="on a GPU the allocator itself would be asked")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dynamics", [gn.Langevin(0.1, 1e-3), gn.Sgd(1e-3, 20)], ids=["all rows", "batches"])
@pytest.mark.parametrize("observed", [True, False])
def test_the_device_memory_that_is_said_is_what_tensors_take(
    engine: Engine | str, dynamics: Dynamics, observed: bool
) -> None:
    maker: Any = made(engine)
    n_rows, n_test = (600, 300) if isinstance(engine, str) else (5000, 3000)
    network = gn.Mlp(10, 30, 2)
    landscape = gn.Landscape(network, gn.random_dataset(n_rows, 10, seed=1), gn.QuadraticHinge(1e-3))
    test, ensemble = gn.random_dataset(n_test, 10, seed=2), gn.Ensemble.random(network, 3, seed=1)
    with Tensors() as tensors:
        if observed:
            gn.measure(ensemble, landscape, dynamics, times=[1], chi=[3.0], test=test, engine=maker)
        else:
            gn.evaluate(gn.evolve(ensemble, landscape, dynamics, 1, engine=maker), landscape, test=test, engine=maker)
    begun = workload(ensemble, landscape, dynamics)
    assert begun is not None
    work = replace(begun, observed=observed, n_test=n_test)
    assert 0.99 * tensors.most <= maker.needed_memory(work) <= 1.8 * tensors.most
    assert maker.free_memory is None


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="memory cannot be limited here")
def test_too_little_memory_is_said_with_the_numbers() -> None:
    code = """
import resource, torch, glassnet as gn
landscape = gn.Landscape(gn.Mlp(4, 2000, 3), gn.random_dataset(2048, 4, seed=0), gn.QuadraticHinge())
ensemble = gn.Ensemble.random(landscape.network, 4)
engine = gn.engines.Torch("cpu", threads=1)
session = engine.session(ensemble[:1], landscape, gn.GradientDescent(0.1))
session.observe()
mapped = 4096 * int(open("/proc/self/statm").read().split()[0])
session = engine.session(ensemble, landscape, gn.GradientDescent(0.1))
resource.setrlimit(resource.RLIMIT_AS, (mapped + 300 * 2**20,) * 2)
try:
    session.observe()
except MemoryError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.match(r"device cpu must hold about [\d.]+ GB, but .*allocate.*: ask for fewer replicas", done.stdout)


@pytest.mark.parametrize("width", [pytest.param(width, marks=NEEDS_GPU) for width in (30, 54, 72)])
def test_all_of_mnist_on_a_gpu(width: int) -> None:
    landscape = gn.Landscape(gn.Mlp(10, width, 6), gn.load_dataset("mnist"), gn.QuadraticHinge(1e-3))
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=3, seed=0)
    dynamics = gn.Langevin(0.1, 1e-3)
    found = moved(Triton("cuda"), ensemble, landscape, dynamics, 17, 20)
    wanted = moved(gn.engines.Cpu(gradient="float64"), ensemble, landscape, dynamics, 37)
    moves = np.abs(wanted.weights - ensemble.weights).max()
    assert np.abs(found.weights - wanted.weights).max() < 1e-3 * moves
    again = moved(Triton("cuda"), ensemble[1:], landscape, dynamics, 5, 32)
    assert np.array_equal(found.weights[1:], again.weights)

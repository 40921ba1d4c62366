"""A network is dead where every output of every row is 0, in each engine, under each loss, for each kind of network."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import glassnet as gn
from glassnet.engines import Cpu, Engine, Reference, Torch, Triton

try:
    import torch
except ImportError:
    HAS_TORCH = False
else:
    HAS_TORCH = True
    if not torch.cuda.is_available():
        os.environ["TRITON_INTERPRET"] = "1"

NEEDS_TORCH = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed (pip install 'glassnet[torch]')")
ENGINES = ["cpu", "cpu-float64", "reference", *(pytest.param(x, marks=NEEDS_TORCH) for x in ("torch", "triton"))]


def made(engine: str) -> Engine:
    if engine == "triton":
        pytest.importorskip("triton")
        return Triton("cuda" if torch.cuda.is_available() else "cpu")
    makers: dict[str, Callable[[], Engine]] = {
        "cpu": Cpu,
        "cpu-float64": lambda: Cpu(gradient="float64"),
        "reference": Reference,
    }
    return Torch("cpu") if engine == "torch" else makers[engine]()


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_decide_not_the_loss(engine: str) -> None:
    # All rows are on the wrong side by less than the loss, 1/2 to the last digit, can show.
    network = gn.Mlp(2, 3, 1)
    data = gn.Dataset(np.full((5, 2), 1e-30, np.float32), -np.ones(5, np.float32))
    landscape = gn.Landscape(network, data, gn.QuadraticHinge())
    alive = np.full(network.n_weights, 0.5)
    silent = alive * np.where(np.arange(network.n_weights) < 6, -1, 1)
    one_speaks = np.where(np.arange(network.n_weights) == 0, 9.0, silent)
    start = gn.Ensemble.from_weights(network, np.stack([alive, silent, 0 * alive, one_speaks]), origin=[0, 1, 2, 3])
    seen = gn.evaluate(start, landscape, engine=made(engine))
    assert seen.dead.values.tolist() == [False, True, True, False]
    assert (seen.data_loss == 0.5).all()
    assert (seen.accuracy == 0).all()
    record = gn.measure(start, landscape, gn.GradientDescent(1e-3), times=[1], engine=made(engine))
    assert record.data.dead.values.ravel().tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_output_that_is_not_a_number_is_not_0(engine: str) -> None:
    network = gn.Mlp(2, 2, 2)
    data = gn.Dataset(np.ones((3, 2), np.float32), np.ones(3, np.float32))
    landscape = gn.Landscape(network, data, gn.QuadraticHinge())
    weights = np.array([[1e200, 1e200, 1e200, 1e200, 1e200, -1e200, 1e200, -1e200, 1.0, 1.0]])
    start = gn.Ensemble.from_weights(network, weights)
    with np.errstate(all="ignore"):
        assert not gn.evaluate(start, landscape, engine=made(engine)).dead


@NEEDS_TORCH
def test_several_outputs_under_cross_entropy() -> None:
    from torch import nn

    network = gn.TorchNetwork(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)))
    rows = np.abs(gn.random_dataset(7, 3).features)
    landscape = gn.Landscape(network, gn.Dataset(rows, np.arange(7) % 3, n_classes=3), gn.CrossEntropy())
    zero = network.unflatten(np.zeros(network.n_weights))
    one_output = {name: value.copy() for name, value in zero.items()}
    one_output["2.bias"][1] = 1e-30
    one_row = {name: value.copy() for name, value in zero.items()}
    one_row["0.bias"][0], one_row["2.weight"][2, 0] = 1.0, 1.0
    one_row["0.weight"][0] = -1.0 / rows.sum(axis=1).min() * 0.999
    dead_units = {name: value.copy() for name, value in zero.items()}
    dead_units["2.weight"][:] = 3.0
    weights = np.stack([network.flatten(w) for w in (zero, one_output, one_row, dead_units)])
    start = gn.Ensemble.from_weights(network, weights, origin=np.arange(4))
    seen = gn.evaluate(start, landscape, engine=Torch("cpu"))
    assert seen.dead.values.tolist() == [True, False, False, True]
    record = gn.measure(start, landscape, gn.GradientDescent(1e-3), times=[1], engine=Torch("cpu"))
    # One step of the biases makes the outputs differ from 0.
    assert record.data.dead.values.ravel().tolist() == [0, 0, 0, 0]


@NEEDS_TORCH
def test_a_dead_module_stays_so_under_the_hinge() -> None:
    from torch import nn

    network = gn.TorchNetwork(
        lambda: nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False))
    )
    data = gn.random_dataset(40, 3)
    landscape = gn.Landscape(network, replace(data, features=np.abs(data.features)), gn.QuadraticHinge())
    weights = -np.abs(network.initial_weights(0, 0))
    start = gn.Ensemble.from_weights(network, weights[None])
    record = gn.measure(start, landscape, gn.GradientDescent(0.1), times=[5], engine=Torch("cpu"))
    assert record.data.dead.values.tolist() == [[[1.0]]]
    assert gn.evaluate(record.ensemble, landscape, engine=Torch("cpu")).dead.all()

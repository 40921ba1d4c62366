"""Sleeping rows are left out, and no bit of a trajectory shows it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glassnet as gn
from glassnet import _cpu
from glassnet.engines import Cpu
from glassnet.engines.base import Precision
from glassnet.engines.cpu import CpuSession
from glassnet.simulate.dynamics import Dynamics

EXAMPLES = settings(max_examples=12, deadline=None)
SHAPES = st.tuples(
    st.sampled_from([7, 60, 250, 2050, 4500]),
    st.integers(1, 12),
    st.one_of(st.integers(1, 34), st.sampled_from([45, 72, 82, 128])),
    st.integers(1, 6),
)


def drowsy(shape: tuple[int, int, int, int], *, awake: float, seed: int = 0) -> tuple[gn.Landscape, gn.Ensemble]:
    """Two networks, of which the first is right on nearly all rows and has about this share of them awake."""
    n_samples, n_features, width, depth = shape
    network = gn.Mlp(n_features, width, depth)
    features = gn.random_dataset(n_samples, n_features, seed=seed).features
    ensemble = gn.Ensemble.random(network, 2, seed=seed)
    output = network.output(ensemble.weights[0], features)
    labels = np.where(output >= 0, 1, -1)
    labels[:: max(1, n_samples // 5)] *= -1
    # Outputs are homogeneous of degree depth + 1 in the weights.
    size = np.quantile(np.abs(output), awake)
    scale = size ** (-1 / (depth + 1)) if size > 1e-20 else 1.0
    landscape = gn.Landscape(network, gn.Dataset(features, labels), gn.QuadraticHinge(l2=1e-4))
    return landscape, gn.Ensemble.from_weights(network, scale * ensemble.weights)


def dynamics_of(n_samples: int) -> list[Dynamics]:
    return [
        gn.GradientDescent(1e-3),
        gn.Langevin(1e-3, 1e-3),
        gn.Langevin(0.5, 1e-3),
        gn.Langevin(1e-3, 1e-3, batch_size=(n_samples + 2) // 3),
        gn.Sgd(1e-3, (n_samples + 1) // 2),
        gn.Sgd(1e-3, (n_samples + 4) // 5, sampling="replacement"),
    ]


def advanced(
    engine: Cpu, ensemble: gn.Ensemble, landscape: gn.Landscape, dynamics: Dynamics, *n_steps: int
) -> CpuSession:
    session = engine.session(ensemble, landscape, dynamics)
    for n in n_steps:
        session.advance(np.full(len(ensemble), n))
    return session


def assert_same(a: CpuSession, b: CpuSession) -> None:
    one, other = a.ensemble, b.ensemble
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.step.tolist() == other.step.tolist()
    assert one.alive.tolist() == other.alive.tolist()
    seen, again = a.observe(), b.observe()
    for name in ("data_loss", "awake", "accuracy", "gradient"):
        assert getattr(seen, name).tobytes() == getattr(again, name).tobytes()


@EXAMPLES
@given(SHAPES, st.sampled_from([0.0, 0.02, 0.4, 0.93, 1.0]), st.sampled_from(["float32", "float64"]), st.integers(0, 9))
def test_skipping_changes_no_bit(
    shape: tuple[int, int, int, int], awake: float, gradient: Precision, seed: int
) -> None:
    landscape, ensemble = drowsy(shape, awake=awake, seed=seed)
    for dynamics in dynamics_of(shape[0]):
        dense = advanced(Cpu(1, exhaustive=True, gradient=gradient), ensemble, landscape, dynamics, 12)
        assert_same(advanced(Cpu(2, gradient=gradient), ensemble, landscape, dynamics, 5, 7), dense)


@pytest.mark.parametrize("kernel", [k for k in ("v3", "v3wide", "v4") if k in _cpu.supported_kernels()])
@pytest.mark.parametrize("awake", [0.01, 0.4, 0.95])
def test_skipping_changes_no_bit_on_any_instructions(
    kernel: str, awake: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    landscape, ensemble = drowsy((4500, 10, 30, 3), awake=awake)
    dense = advanced(Cpu(2, exhaustive=True), ensemble, landscape, gn.Langevin(1e-3, 1e-3), 60)
    monkeypatch.setenv("GLASSNET_KERNEL", kernel)
    assert_same(advanced(Cpu(2), ensemble, landscape, gn.Langevin(1e-3, 1e-3), 60), dense)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("gradient", ["float32", "float64"])
def test_rows_that_wake_one_by_one_are_seen_at_once(depth: int, gradient: Precision) -> None:
    # One unit a layer: the bound is nearly what the margins lose, so one too small by a half would miss rows.
    network = gn.Mlp(1, 1, depth)
    features = np.linspace(50.0, 200.0, 20_000, dtype=np.float32)[:, None]
    landscape = gn.Landscape(network, gn.Dataset(features, np.ones(len(features))), gn.QuadraticHinge(l2=5.0))
    weights = np.full((1, network.n_weights), 50.0 ** (-1 / (depth + 1)))
    ensemble, dynamics = gn.Ensemble.from_weights(network, weights), gn.GradientDescent(1e-4)
    dense = advanced(Cpu(2, exhaustive=True, gradient=gradient), ensemble, landscape, dynamics, 200)
    found = advanced(Cpu(2, gradient=gradient), ensemble, landscape, dynamics, 200)
    n_seen, n_awake, _ = found._simulator.work()
    assert n_awake == dense._simulator.work()[1]
    assert n_awake > 0
    assert n_seen < 0.5 * 200 * len(features)
    assert_same(found, dense)


@pytest.mark.parametrize("gradient", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [0.0, 1e-3, 1.0])
def test_long_trajectories_keep_every_bit_while_rows_are_skipped(temperature: float, gradient: Precision) -> None:
    landscape, ensemble = drowsy((9000, 10, 12, 3), awake=0.3)
    dynamics = gn.Langevin(temperature, 1e-3)
    dense = advanced(Cpu(2, exhaustive=True, gradient=gradient), ensemble, landscape, dynamics, 600)
    found = advanced(Cpu(1, gradient=gradient), ensemble, landscape, dynamics, 1, 350, 249)
    assert found._simulator.work()[0] < 0.97 * dense._simulator.work()[0]
    assert found._simulator.work()[1] == dense._simulator.work()[1]
    assert_same(found, dense)

"""Rows that the cpu engine is asked to compute are counted: skipping acts where it must, without a clock."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from test_sleeping import drowsy

import glassnet as gn
from glassnet.engines import Cpu
from glassnet.engines.cpu import CpuSession
from glassnet.simulate.dynamics import Dynamics

N_ROWS, N_STEPS, N_REPLICAS = 6000, 300, 2
WHOLE = N_ROWS * N_STEPS * N_REPLICAS


class Work(NamedTuple):
    """Rows that kernels were given, and how many of those that went forward were awake."""

    forward: int
    awake: int
    backward: int

    @property
    def products(self) -> int:
        """In multiplications of a row by all weights: one forward; two backward, for the deltas and the gradient."""
        return self.forward + 2 * self.backward


@pytest.fixture(scope="module")
def quenched() -> tuple[gn.Landscape, gn.Ensemble]:
    """Two networks after a short quench, with about a seventh of all rows awake."""
    landscape = gn.Landscape(gn.Mlp(10, 20, 3), gn.load_dataset("mnist", n_samples=N_ROWS), gn.QuadraticHinge(l2=1e-5))
    start = gn.Ensemble.random(landscape.network, N_REPLICAS)
    return landscape, gn.evolve(start, landscape, gn.Sgd(0.1, 50), 80 * N_ROWS // 50)


def work(session: CpuSession) -> Work:
    return Work(*session._simulator.work())


def asked(engine: Cpu, at: tuple[gn.Landscape, gn.Ensemble], dynamics: Dynamics, n_steps: int = N_STEPS) -> Work:
    """Rows of so many dense steps of every replica."""
    landscape, ensemble = at
    session = engine.session(ensemble, landscape, dynamics)
    session.advance(np.full(len(ensemble), n_steps))
    return work(session)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("temperature", [0.0, 1e-4])
def test_after_a_quench_rows_that_sleep_are_not_computed(
    quenched: tuple[gn.Landscape, gn.Ensemble], temperature: float, threads: int
) -> None:
    dynamics = gn.Langevin(temperature, 1e-3)
    dense = asked(Cpu(threads, exhaustive=True), quenched, dynamics)
    found = asked(Cpu(threads), quenched, dynamics)
    within_skin = asked(Cpu(threads, skin=True), quenched, dynamics)
    assert (dense.forward, dense.backward) == (WHOLE, WHOLE)
    assert 0.05 * WHOLE < dense.awake < 0.25 * WHOLE
    # Awake rows alone go backward, and not many more than they forward.
    assert found.backward == found.awake == dense.awake
    assert found.awake < found.forward < 0.5 * WHOLE
    assert found.products < 0.35 * dense.products
    # All rows once in a hundred steps, and between them those awake or nearly so.
    assert within_skin.backward == within_skin.awake
    assert within_skin.awake < within_skin.forward < 0.3 * WHOLE
    assert within_skin.products < 0.25 * dense.products


def test_where_all_rows_sleep_hardly_any_is_computed() -> None:
    landscape, ensemble = drowsy((2 * N_ROWS, 10, 12, 3), awake=0.3)
    network, features = landscape.mlp("the test"), landscape.dataset.features
    output = network.output(ensemble.weights[0], features)
    far = np.abs(output) > 1.1
    asleep = gn.Landscape(network, gn.Dataset(features[far], np.sign(output[far])), gn.QuadraticHinge())
    found = asked(Cpu(1), (asleep, ensemble[:1]), gn.Langevin(1e-4, 1e-3))
    assert found.backward == found.awake == 0
    assert 0 < found.forward < 0.1 * N_STEPS * far.sum()


@pytest.mark.parametrize("dynamics", [gn.Sgd(1e-3, 50), gn.Langevin(1e-4, 1e-3, batch_size=50)], ids=str)
def test_a_batch_goes_forward_and_what_is_awake_of_it_backward(
    quenched: tuple[gn.Landscape, gn.Ensemble], dynamics: Dynamics
) -> None:
    found = asked(Cpu(1), quenched, dynamics)
    assert found.forward == 50 * N_STEPS * N_REPLICAS
    assert found.backward == found.awake < 0.3 * found.forward


@pytest.mark.parametrize("exhaustive", [True, False])
def test_what_was_observed_is_not_computed_again(quenched: tuple[gn.Landscape, gn.Ensemble], exhaustive: bool) -> None:
    landscape, ensemble = quenched
    session = Cpu(1, exhaustive=exhaustive).session(ensemble, landscape, gn.Langevin(1e-4, 1e-3))
    session.observe()
    session.observe()
    session.advance(np.ones(N_REPLICAS, np.int64))
    assert work(session).forward == N_ROWS * N_REPLICAS


def test_a_lost_replica_costs_nothing(quenched: tuple[gn.Landscape, gn.Ensemble]) -> None:
    landscape, ensemble = quenched
    lost = ensemble.alive & (ensemble.origin != 1)
    ensemble = gn.Ensemble(
        ensemble.network, ensemble.weights, ensemble.seed, ensemble.origin, ensemble.noise, ensemble.step, lost
    )
    found = asked(Cpu(1, exhaustive=True), (landscape, ensemble), gn.GradientDescent(1e-3))
    assert found.forward == found.backward == WHOLE // 2


class Kept(Cpu):
    """Keeps the sessions that it begins, so that their work can be asked for."""

    sessions: list[CpuSession] = []  # noqa: RUF012

    def session(self, ensemble: gn.Ensemble, landscape: gn.Landscape, dynamics: Dynamics) -> CpuSession:
        self.sessions.append(super().session(ensemble, landscape, dynamics))
        return self.sessions[-1]


@pytest.mark.parametrize("waiting_times", [[0], [0, 5, 40]])
def test_recording_asks_for_no_row_that_steps_do_not(
    quenched: tuple[gn.Landscape, gn.Ensemble], waiting_times: list[int]
) -> None:
    landscape, ensemble = quenched
    Kept.sessions.clear()
    langevin = gn.Langevin(1e-4, 1e-3)
    times = gn.log_times(60)
    gn.measure(ensemble, landscape, langevin, waiting_times=waiting_times, times=times, engine=Kept(1, exhaustive=True))
    (session,) = Kept.sessions
    # Losses are by-products of a step's own pass; the last state alone is looked at without a step from it.
    n_steps = int((session.ensemble.step - ensemble.step)[0])
    assert n_steps == waiting_times[-1] + 60
    assert work(session).forward <= N_ROWS * N_REPLICAS * (n_steps + 1)

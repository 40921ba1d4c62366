"""g: what a step costs beside its rows, by itself.

The networks of a phase take the same steps on as many rows, but all of them rows that sleep deeply: the sixtieth part
that is farthest from waking in both networks, sixty times. Hardly any is sent forward, so what is left of a step is
noise, update, bounds and lists; the little that is sent, counted, is taken off at the price of a dense step. This is
measured apart from the race, so that the ceiling 3e / (f + 2a + 3g) does not contain the rate that is held against it.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

import numpy as np

import glassnet as gn
from benchmarks.race.runner import Runner, take_turns
from benchmarks.race.task import Floats
from benchmarks.sections.session import Row, Session, measured
from studies.phases import DEPTH, PHASES

FEW_ROWS: Final = 64
"""So few that noise and update take most of a step; what the rows take is taken off."""


def overhead(session: Session, phase: str) -> list[Row]:
    """Steps of a phase on sleeping rows, exact and with a skin, and on a few rows: noise and update alone."""
    width, l2 = PHASES[phase]
    weights, mnist = session.quenched(phase)[:2], session.mnist()
    sleeping = _asleep(gn.Mlp(10, width, DEPTH), weights, mnist)
    few = gn.Dataset(mnist.features[:FEW_ROWS], mnist.labels[:FEW_ROWS])
    entries = [("exact", "exact", sleeping), ("skin", "skin", sleeping), ("noise and update", "all", few)]
    with ExitStack() as stack:
        runners = []
        for name, rows, dataset in entries:
            course = session.course(dataset, weights, l2=l2, width=width)
            runner = stack.enter_context(Runner(name))
            runner.build("engine", {"rows": rows, "threads": session.threads}, course, 2)
            runner.calibrate(session.seconds(0.3))
            runners.append(runner)
        take_turns(runners, session.peaks[session.threads], session.rounds(7))
        return [measured(runner, name=runner.name) for runner in runners]


def _asleep(network: gn.Mlp, weights: Floats, dataset: gn.Dataset) -> gn.Dataset:
    """As many rows, all from the sixtieth part that has the largest margin in that network where it is smaller."""
    margins = np.min([dataset.labels * network.output(w, dataset.features) for w in weights], axis=0)
    deepest = np.sort(np.argsort(margins)[-max(1, dataset.n_samples // 60) :])
    rows = np.resize(deepest, dataset.n_samples)
    return gn.Dataset(dataset.features[rows], dataset.labels[rows])

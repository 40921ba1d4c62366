"""The three phases of the paper as studies and benchmarks use them: sizes, and their committed quenched networks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import glassnet as gn

DEPTH: Final = 6

PHASES: Final = {"regularised": (30, 1e-2), "underparameterised": (30, 0.0), "overparameterised": (72, 0.0)}
"""Width and l2 of each phase."""

STATES: Final = Path(__file__).parents[1] / "docs" / "reproduction" / "quenched"
"""Folder of the committed quenched ensembles."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of a study that compares engines phase by phase and writes its table into docs/performance.md."""
    parser.add_argument("--states", type=Path, default=STATES, help="folder of mnist-PHASE.zip, quenched ensembles")
    parser.add_argument("--phase", choices=list(PHASES), action="append", help="one phase; may be repeated")
    parser.add_argument("--output", type=Path, help="folder of performance.md, whose table is replaced")


def landscape(phase: str, dataset: gn.Dataset) -> gn.Landscape:
    """The landscape of a phase over these data."""
    width, l2 = PHASES[phase]
    return gn.Landscape(gn.Mlp(dataset.n_features, width, DEPTH), dataset, gn.QuadraticHinge(l2))


def quenched(states: Path, phase: str) -> gn.Ensemble:
    """The quenched ensemble of a phase, from a folder of them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else, or networks of another shape.
    """
    network = gn.Mlp(10, PHASES[phase][0], DEPTH)
    path = states / f"mnist-{phase}.zip"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} must hold the quenched ensemble of the {phase} phase, but there is no such file: "
            "give the folder that has it with --states"
        )
    ensemble = gn.load(path)
    if not isinstance(ensemble, gn.Ensemble) or ensemble.network != network:
        raise ValueError(f"{path} must hold an ensemble of {network}, but holds {ensemble!r}")
    return ensemble

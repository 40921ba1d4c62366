"""What tells records apart is said once: by dynamics and l2, and by their keys where these are the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import small_landscape

import glassnet as gn
from glassnet.analysis.groups import condition_labels
from glassnet.report import SavedRecord


def measured(dynamics: gn.Langevin | gn.Sgd, l2: float | Sequence[float] = 0.01, n: int = 1) -> gn.Record:
    landscape = small_landscape()
    landscape = gn.Landscape(landscape.network, landscape.dataset, gn.QuadraticHinge(l2))
    start = gn.Ensemble.random(landscape.network, n)
    return gn.measure(start, landscape, dynamics, times=[1, 2], chi=[10], engine="reference")


@pytest.mark.parametrize(
    ("dynamics", "labels"),
    [
        ([gn.Langevin(0.1, 1e-3), gn.Langevin(0.0, 1e-3)], ["T = 0.1", "T = 0"]),
        ([gn.Langevin(0.1, 1e-3)], ["T = 0.1"]),
        ([gn.Langevin(1e-6, 1e-3), gn.Langevin(1e-6, 3e-4)], ["T = 1e-06, μ = 0.001", "T = 1e-06, μ = 0.0003"]),
        (
            [gn.Sgd(1e-3, 30), gn.Sgd(1e-3, 5), gn.Sgd(1e-3, 5, "replacement")],
            ["b = 30", "b = 5", "b = 5, with replacement"],
        ),
        ([gn.Sgd(1e-3, 10), gn.Langevin(1e-4, 1e-3)], ["SGD", "Langevin, T = 0.0001"]),
        ([gn.Sgd(1e-3, 10)], ["SGD"]),
        ([gn.Langevin(0.1, 1e-3), gn.Langevin(0.1, 1e-3)], ["T = 0.1, 3, 0.5", "T = 0.1, 4, 0.5"]),
    ],
)
def test_records_are_told_apart(dynamics: list[gn.Langevin | gn.Sgd], labels: list[str]) -> None:
    records = {(3 + i, 0.5): measured(one) for i, one in enumerate(dynamics)}
    assert list(condition_labels(records).values()) == labels


def test_a_saved_record_is_taken_apart_by_what_varies(tmp_path: Path) -> None:
    steps = gn.Langevin([0.1, 0.1, 0.0, 0.0], [1e-3, 2e-3, 1e-3, 1e-3])
    saved = SavedRecord(tmp_path / "record.zip", measured(steps, [0.01, 0.01, 0.01, 0.02], n=4))
    names = ["T = 0.1, μ = 0.002, l2 = 0.01", "T = 0.1, μ = 0.001, l2 = 0.01"]
    names += ["T = 0, μ = 0.001, l2 = 0.02", "T = 0, μ = 0.001, l2 = 0.01"]
    assert list(saved.records) == names
    assert [row["condition"] for row in saved.rows] == names
    for name, one, row in zip(names, saved.records.values(), saved.rows, strict=True):
        assert len(one.ensemble) == 1, name
        msd = gn.mean_square_displacement(one).sel(time=2)
        assert row["msd"] == pytest.approx(float(np.squeeze(msd)))

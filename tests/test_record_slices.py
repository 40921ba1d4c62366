"""A slice of a record is a record of its own: the one that it was taken from stays as it is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import xarray as xr
from conftest import small_landscape

import glassnet as gn

LANDSCAPE = small_landscape()
START = gn.Ensemble.random(LANDSCAPE.network, 2).repeat(noise=[0, 1])
LANGEVIN = gn.Langevin(temperature=[1e-3, 1e-3, 0.1, 0.1], learning_rate=[1e-2, 1e-3, 1e-2, 1e-3])


@pytest.mark.parametrize("index", [0, slice(1), [3, 1], [True, False, False, False], slice(2, None)])
def test_a_slice_leaves_the_record_as_it_was(index: Any) -> None:
    whole = gn.measure(START, LANDSCAPE, LANGEVIN, times=[3, 9])
    record = gn.measure(START, LANDSCAPE, LANGEVIN, times=[3])
    before = deepcopy(record.data)
    record[index]
    xr.testing.assert_identical(record.data, before)
    assert record.dynamics == LANGEVIN
    xr.testing.assert_identical(gn.extend(record, LANDSCAPE, [9]).data, whole.data)
    xr.testing.assert_identical(gn.concat([record[:1], record[1:]]).data, record.data)

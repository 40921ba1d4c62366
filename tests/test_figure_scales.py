"""Axes of figures: their numbers, ticks and limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from glassnet.figures import style
from glassnet.figures.phase_diagram import draw_plane
from glassnet.figures.scales import log_limits, power, set_log, set_symlog


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "$0$"), (1, "$1$"), (300, "$300$"), (0.5, "$0.5$"), (1e-4, "$10^{-4}$"), (5e-4, r"$5\times 10^{-4}$"),
     (20000, r"$2\times 10^{4}$")],
)  # fmt: skip
def test_numbers_are_written_as_in_print(value: float, text: str) -> None:
    assert power(value) == text


@settings(max_examples=8, deadline=None)
@given(low=st.floats(-16, 5), span=st.floats(0.35, 24), symmetric=st.booleans())
def test_ticks_neither_overlap_nor_go_missing(low: float, span: float, symmetric: bool) -> None:
    with style.context():
        figure, (axes,) = style.new_figure(style.SINGLE_COLUMN, 2.6)
        if symmetric:
            set_symlog(axes, "y", (-(10.0 ** min(low, 2)), 10.0 ** min(span, 6)), 0.1)
        else:
            set_log(axes, "y", (10.0**low, 10.0 ** (low + span)))
        set_log(axes, "x", (10.0**low, 10.0 ** (low + span)))
        figure.canvas.draw()
    for axis in (axes.xaxis, axes.yaxis):
        shown = [label for label in axis.get_ticklabels() if label.get_text()]
        assert len(shown) >= 1
        boxes = [label.get_window_extent() for label in shown]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


_NUMBERS = st.floats(-300, 300).map(lambda exponent: 10.0**exponent) | st.sampled_from([np.nan, np.inf, 0.0, -3.0])


@given(st.lists(_NUMBERS, max_size=6).map(np.array))
def test_limits_hold_all_positive_numbers(values: NDArray[np.float64]) -> None:
    low, high = log_limits(values)
    good = values[np.isfinite(values) & (values > 0)]
    assert 0 < low < high < np.inf
    assert np.all((low <= good * (1 + 1e-9)) & (good <= high * (1 + 1e-9)))


@pytest.mark.parametrize("n_widths", [2, 6, 7, 9, 18])
def test_the_sizes_of_a_map_are_told_apart(n_widths: int) -> None:
    widths, l2s = 30 + 6 * np.arange(n_widths), np.arange(16) * 1e-3
    cells = np.ones((1, n_widths, len(l2s), 2))
    losses = xr.Dataset(
        dict.fromkeys(("total_loss", "alive"), (("epochs", "width", "l2", "origin"), cells)),
        {"epochs": [300], "width": widths, "ratio": ("width", (widths * (5 * widths + 11)) / 60_000), "l2": l2s},
        {"dataset": "mnist"},
    )
    figure = draw_plane(losses)
    figure.canvas.draw()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        assert len(boxes) >= 2
        # Labels that touch read as one number.
        assert not any(a.padded(a.height / 3).overlaps(b) for a, b in itertools.pairwise(boxes))

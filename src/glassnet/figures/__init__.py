"""Figures of what was measured, one function a figure."""

from __future__ import annotations

from glassnet.figures.displacement import draw_mean_square_displacement, draw_non_gaussian
from glassnet.figures.history import draw_history
from glassnet.figures.mobility import draw_mobility
from glassnet.figures.overlap import draw_overlap
from glassnet.figures.relaxation import draw_all
from glassnet.figures.relaxation_time import draw_relaxation_time

__all__ = [
    "draw_all",
    "draw_history",
    "draw_mean_square_displacement",
    "draw_mobility",
    "draw_non_gaussian",
    "draw_overlap",
    "draw_relaxation_time",
]

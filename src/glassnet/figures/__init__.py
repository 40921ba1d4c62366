"""Figures of what was measured, one function a figure."""

from __future__ import annotations

from glassnet.figures.ageing import draw_ageing, draw_sensitivity
from glassnet.figures.collapse import draw_collapse
from glassnet.figures.displacement import draw_mean_square_displacement, draw_non_gaussian
from glassnet.figures.history import draw_history
from glassnet.figures.minima import draw_minima, draw_spectrum
from glassnet.figures.mobility import draw_mobility, draw_pooled_mobility
from glassnet.figures.overlap import draw_overlap
from glassnet.figures.phase_diagram import draw_l2_line, draw_plane, draw_width_line
from glassnet.figures.protocol import draw_protocol, draw_stages
from glassnet.figures.relaxation import draw_all
from glassnet.figures.relaxation_time import draw_relaxation_time
from glassnet.figures.sgd_displacement import draw_sgd_displacement
from glassnet.figures.statistic import draw_statistic
from glassnet.figures.step_size import draw_step_size
from glassnet.figures.theory import draw_bowl, draw_well

__all__ = [
    "draw_ageing",
    "draw_all",
    "draw_bowl",
    "draw_collapse",
    "draw_history",
    "draw_l2_line",
    "draw_mean_square_displacement",
    "draw_minima",
    "draw_mobility",
    "draw_non_gaussian",
    "draw_overlap",
    "draw_plane",
    "draw_pooled_mobility",
    "draw_protocol",
    "draw_relaxation_time",
    "draw_sensitivity",
    "draw_sgd_displacement",
    "draw_spectrum",
    "draw_stages",
    "draw_statistic",
    "draw_step_size",
    "draw_well",
    "draw_width_line",
]

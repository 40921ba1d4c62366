"""Axes that span decades: limits around the data, and ticks that neither overlap nor go missing.

Ticks are chosen here, once the limits are known, because matplotlib's own locators drop all labels on axes of less
than a decade and the minor ticks on axes of more than ten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator
from numpy.typing import NDArray

AxisName = Literal["x", "y"]
Limits = tuple[float, float]

_MAX_LABELS: Final = 7


def power(value: float) -> str:
    """A number as mathtext: 0, 0.5, 300 and 10^{-4}, 5 x 10^{-4} beyond 0.1 to 1000."""
    if value == 0 or 0.1 <= abs(value) < 1000:
        return f"${value:.3g}$"
    mantissa, exponent = f"{value:.2e}".split("e")
    factor = f"{float(mantissa):g}"
    tens = f"10^{{{int(exponent)}}}"
    return f"${tens}$" if factor == "1" else rf"${factor}\times {tens}$"


def log_limits(*values: NDArray[Any] | float, pad: float = 0.04) -> Limits:
    """Limits around all positive finite values with a margin of ``pad`` of the decades they span.

    Values of less than a third of a decade are given a third; none at all give 0.1 to 10.
    """
    parts = [np.ravel(np.asarray(v, dtype=np.float64)) for v in values]
    every = np.concatenate(parts) if parts else np.empty(0)
    every = every[np.isfinite(every) & (every > 0)]
    if not every.size:
        return 0.1, 10.0
    low, high = math.log10(every.min()), math.log10(every.max())
    if high - low < 1 / 3:
        low, high = (low + high) / 2 - 1 / 6, (low + high) / 2 + 1 / 6
    margin = pad * (high - low)
    return 10.0 ** max(low - margin, -307.0), 10.0 ** min(high + margin, 307.0)


def set_log(axes: Axes, which: AxisName, limits: Limits) -> None:
    """Make an axis logarithmic with these limits; labels at decades, or within one where there are too few."""
    low, high = limits
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = range(first, last + 1)
    if len(decades) >= 2:
        stride = -(-len(decades) // _MAX_LABELS)
        labelled = [10.0**k for k in decades if k % stride == 0]
        labels = [f"$10^{{{k}}}$" for k in decades if k % stride == 0]
        minor = [10.0**k for k in decades] if stride > 1 else _multiples(first - 1, last, range(2, 10))
    else:
        span = math.log10(high / low)
        mantissas = (1, 3) if span > 1.2 else (1, 2, 5) if span > 0.7 else (1, 2, 3, 5)
        labelled = _within(_multiples(first - 2, last + 1, mantissas), limits)
        labels = [power(value) for value in labelled]
        minor = _multiples(first - 2, last + 1, range(1, 10))
    _set(axes, which, "log", {}, limits, labelled, labels, minor)


def set_symlog(axes: Axes, which: AxisName, limits: Limits, linear_to: float) -> None:
    """Make an axis linear between -+``linear_to``, a power of ten, and logarithmic beyond, with these limits."""
    start = round(math.log10(linear_to))
    reach = max(start, math.floor(math.log10(max(abs(limits[0]), abs(limits[1]), linear_to)) + 1e-9))
    stride = -(-(reach - start + 1) // 4)
    exponents = range(start, reach + 1, stride)
    labelled = [0.0, *(sign * 10.0**k for k in exponents for sign in (-1, 1))]
    labelled = _within(sorted(labelled), limits)
    labels = [power(value) for value in labelled]
    steps = [*np.arange(1, 10) * linear_to / 10, *_multiples(start, reach, range(1, 10))]
    minor = [sign * value for value in steps for sign in (-1, 1)]
    decades = sum(max(0.0, math.log10(abs(end) / linear_to)) for end in limits if end)
    options = {"linthresh": linear_to, "linscale": 0.6 * max(1.0, decades / 5)}
    _set(axes, which, "symlog", options, limits, labelled, labels, minor)


def _set(
    axes: Axes,
    which: AxisName,
    scale: str,
    options: dict[str, Any],
    limits: Limits,
    labelled: list[float],
    labels: list[str],
    minor: Iterable[float],
) -> None:
    if which == "x":
        axes.set_xscale(scale, **options)
        axes.set_xlim(limits)
    else:
        axes.set_yscale(scale, **options)
        axes.set_ylim(limits)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(labelled))
    axis.set_major_formatter(FixedFormatter(labels))
    axis.set_minor_locator(FixedLocator(_within(sorted(set(minor) - set(labelled)), limits)))
    axis.set_minor_formatter(FixedFormatter([]))


def _multiples(first: int, last: int, mantissas: Iterable[int]) -> list[float]:
    factors = list(mantissas)
    return [float(f"{m}e{k}") for k in range(first, last + 1) for m in factors]


def _within(values: Iterable[float], limits: Limits) -> list[float]:
    return [value for value in values if limits[0] <= value <= limits[1]]

"""How all figures look: type, sizes, the colours of temperature, error bands, and how they are written.

Figures are ``matplotlib.figure.Figure`` objects made without pyplot: nothing needs a screen, no global state is left
changed, and the settings below hold whatever the user's own matplotlibrc says.
"""

from __future__ import annotations

import io
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassnet.store.placing import write_bytes

SINGLE_COLUMN: Final = 3.4
"""Width in inches of one column of a Physical Review page."""

DOUBLE_COLUMN: Final = 7.0
"""Width in inches of two columns."""

DPI: Final = 300

FORMATS: Final = ("png", "pdf")

_SCREEN_DPI: Final = 110
"""Pixels an inch in notebooks."""

GREY: Final = "0.45"

BAND: Final = 0.2
"""Opacity of the bands of intervals."""

THEORY: Final[dict[str, Any]] = {"linestyle": (0, (4, 1.8)), "linewidth": 0.8}
"""Predictions are thin and dashed, in the colour of the measurement that they are compared with."""

NULL: Final[dict[str, Any]] = {"color": "black", "linestyle": (0, (2.5, 1.3)), "linewidth": 0.7, "zorder": 3.6}
"""The null of drift plus diffusion, above the measurements that it is to be told from."""

_RC: Final[dict[str, Any]] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 10,
    "axes.titlesize": 8.5,
    "axes.titlepad": 4,
    "axes.linewidth": 0.7,
    "axes.formatter.use_mathtext": True,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.solid_joinstyle": "round",
    "hatch.linewidth": 0.4,
    "pdf.fonttype": 42,
    "savefig.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.wspace": 0.05,
}

# rc settings are the process's, so two threads must not hold them at once.
_LOCK = threading.RLock()


@contextmanager
def context() -> Iterator[None]:
    """The settings of all figures, for as long as the block runs; safe to enter from several threads."""
    with _LOCK, matplotlib.style.context(["default", _RC]):
        yield


class StyledFigure(Figure):
    """A figure that is drawn under its own settings, whoever draws it and when."""

    def draw(self, renderer: Any) -> None:
        with context():
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """What a notebook shows, with its size on the screen: sharp on fine screens too."""
        picture = io.BytesIO()
        with context():
            self.savefig(picture, format="png", dpi=2 * _SCREEN_DPI)
        width, height = self.get_size_inches() * _SCREEN_DPI
        return picture.getvalue(), {"width": round(width), "height": round(height)}


def new_figure(width: float, height: float, n_panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of ``width`` by ``height`` inches and its panels side by side, lettered if there are several."""
    figure = StyledFigure(figsize=(width, height), dpi=DPI, layout="constrained")
    panels = list(figure.subplots(1, n_panels, squeeze=False)[0])
    for letter, axes in zip("abcdefgh", panels, strict=False):
        axes.tick_params(which="both", direction="in", top=True, right=True, width=0.6)
        axes.tick_params(which="major", length=3.5)
        axes.tick_params(which="minor", length=2.0)
        if n_panels > 1:
            axes.set_title(f"({letter})", loc="left")
    return figure, panels


def note(figure: Figure, text: str) -> None:
    """Add a line under a figure, broken where the figure ends."""
    width = int(_NOTE_CHARACTERS * figure.get_size_inches()[0])
    lines = [figure.get_supxlabel(), *textwrap.wrap(text, width)]
    with context():
        figure.supxlabel("\n".join(filter(None, lines)), x=0.01, ha="left", fontsize=6.5, color=GREY, linespacing=1.15)


_NOTE_CHARACTERS: Final = 24
"""Characters an inch of a note."""


def temperature_lines(temperatures: Sequence[float]) -> dict[float, dict[str, Any]]:
    """How each temperature is drawn: colours from blue (cold) to yellow (hot), T = 0 black and dash-dotted.

    Colours are evenly spaced by rank and lighter the hotter, and open markers take turns: in grey, neighbours are told
    apart by both.
    """
    hot = sorted({float(t) for t in temperatures if t > 0})
    places = np.linspace(*_COLOUR_RANGE, len(hot)) if len(hot) > 1 else np.array([np.mean(_COLOUR_RANGE)])
    colours = matplotlib.colormaps["plasma"](places)
    lines: dict[float, dict[str, Any]] = (
        {
            t: {
                "color": tuple(float(x) for x in colour),
                "linestyle": "-",
                "marker": MARKERS[i % len(MARKERS)],
                **_OPEN,
            }
            for i, (t, colour) in enumerate(zip(hot, colours, strict=True))
        }
        if hot
        else {}
    )
    return lines | {0.0: {"color": "black", "linestyle": (0, (5, 1.2, 1, 1.2))}}


MARKERS: Final = "os^Dv"
_OPEN: Final[dict[str, Any]] = {"markersize": 3.2, "markerfacecolor": "white", "markeredgewidth": 0.8}

# The map's own ends are too close to black and to the page's white.
_COLOUR_RANGE: Final = (0.09, 0.86)


def draw_band(axes: Axes, x: NDArray[Any], low: NDArray[Any], high: NDArray[Any], colour: Any) -> None:
    """Shade between ``low`` and ``high`` where both are finite."""
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        axes.fill_between(x[known], low[known], high[known], color=colour, alpha=BAND, linewidth=0, zorder=1)


def check_formats(formats: Sequence[str]) -> None:
    """Refuse what figures are not written as.

    Raises:
        ValueError: a format other than "png" or "pdf".
    """
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown:
        raise ValueError(f"formats must be any of {', '.join(FORMATS)}, but got {unknown[0]!r}")


def save(figure: Figure, path: Path, *, title: str, description: str) -> None:
    """Write a figure at 300 dpi in the format that the path's suffix names; the file appears whole or not at all.

    PNG carries ``title`` and ``description`` as text, PDF as its title and subject.
    """
    kind = path.suffix.removeprefix(".")
    metadata: dict[str, Any] = {"Title": title}
    if kind == "png":
        metadata["Description"] = description
    elif kind == "pdf":
        # Without a date the same data give the same bytes.
        metadata |= {"Subject": description, "CreationDate": None}
    drawn = io.BytesIO()
    with context():
        figure.savefig(drawn, format=kind, dpi=DPI, metadata=metadata)
    write_bytes(path, drawn.getvalue())

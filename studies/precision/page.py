"""The page of the study of precision: table, how to read it, and the figure, from all results that there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import (
    DOUBLE_COLUMN,
    THEORY,
    context,
    new_figure,
    save,
    temperature_lines,
)
from studies.pages import markdown
from studies.results import Found

Floats = NDArray[np.float64]
Results = Mapping[tuple[str, float], Found]
"""By arm and temperature."""

CHI: Final = (300.0, 3000.0)

_DOUBLE: Final = "weights-float64-gradient-float32"
_SINGLE: Final = "weights-float32-gradient-float32"
_GRADIENT: Final = "weights-float64-gradient-float64"

_PAGE: Final = Path(__file__).with_name("page.md")
"""The text of the page around its table."""


def write(results: Results, waiting_time: int, t_max: int, raw: Path, docs: Path) -> None:
    """``precision.md`` and ``precision.png`` in ``docs``."""
    docs.mkdir(parents=True, exist_ok=True)
    coldest = min(temperature for arm, temperature in results if arm == _SINGLE and temperature > 0.0)
    single = results[_SINGLE, coldest]
    text = _PAGE.read_text(encoding="utf-8").format(
        waiting_time=waiting_time,
        t_max=t_max,
        replicas=len(single["msd"]),
        chi=CHI[0],
        apart=_apart(results),
        flat=abs(_at_end(results[_DOUBLE, coldest]) / _at_end(results[_DOUBLE, 0.0]) - 1.0),
        table=table(results),
        coldest=coldest,
        coldest_excess=single["excess_a_step"],
        coldest_noise=single["noise_a_step"],
        stuck=single["drift_below_half"],
        folder=raw.as_posix(),
    )
    (docs / "precision.md").write_text(text, encoding="utf-8")
    _draw(results, docs / "precision.png")


def table(results: Results) -> str:
    """Markdown."""
    header = ["T", "t", "MSD, float64", "ratio - 1 (each replica)", "grid", "gradient"]
    header += [f"1 - Q, float64, chi = {chi:g} (ratio)" for chi in CHI]
    rows = []
    for temperature, double, single in _pairs(results):
        mean, spread = _on_grid(double, single)
        other = results.get((_GRADIENT, temperature))
        for i in _shown(double):
            t, msd = double["times"][i], _msd(double)[:, i]
            ratios = _msd(single)[:, i] / msd
            each = ", ".join(_off(ratio) for ratio in ratios)
            row = [f"{temperature:g}", f"{t}", f"{msd.mean():.3g}"]
            row += [f"{_off(_msd(single)[:, i].mean() / msd.mean())} ({each})", f"{mean[i]:.1e} ± {spread[i]:.1e}"]
            row += [_off(_msd(other)[:, i].mean() / msd.mean()) if other is not None else ""]
            rows.append(row + [_left(double, single, k, i) for k in range(len(CHI))])
    return markdown(header, rows)


def _pairs(results: Results) -> Iterator[tuple[float, Found, Found]]:
    """Temperature, result with float64 and with float32 weights, where both exist."""
    for arm, temperature in results:
        if arm == _DOUBLE and (_SINGLE, temperature) in results:
            yield temperature, results[arm, temperature], results[_SINGLE, temperature]


def _apart(results: Results) -> float:
    """The largest relative difference of the two formats' MSD, at any temperature, from t = 10 on."""
    ratios = [_msd(single).mean(axis=0) / _msd(double).mean(axis=0) for _, double, single in _pairs(results)]
    late = np.array(next(_pairs(results))[1]["times"]) >= 10
    return float(max(np.abs(ratio[late] - 1.0).max() for ratio in ratios))


def _at_end(found: Found) -> float:
    return float(_msd(found)[:, -1].mean())


def _msd(found: Found) -> Floats:
    return np.array(found["msd"], dtype=np.float64)


def _shown(found: Found) -> list[int]:
    """Positions of the decades, and of the end."""
    times = found["times"]
    decades = [i for i, t in enumerate(times) if t in (1, 10, 100, 1_000)]
    return list(dict.fromkeys([*decades, len(times) - 1]))


def _off(ratio: float) -> str:
    """The distance of a ratio from 1."""
    return f"{ratio - 1.0:+.1e}"


def _on_grid(double: Found, single: Found) -> tuple[Floats, Floats]:
    """The ratio at every time under independent roundings: its mean minus 1, and its standard deviation.

    A sum of roundings e of variance E over N weights adds E to the MSD and, in one realisation, 2 <dw e>.
    """
    times = np.array(double["times"], dtype=np.float64)
    excess = np.asarray(times * single["excess_a_step"] / _msd(double).mean(axis=0))
    return excess, 2.0 * np.sqrt(np.abs(excess) / single["n_weights"])


def _left(double: Found, single: Found, k: int, i: int) -> str:
    """1 - Q and its ratio; without a ratio where no weight has left."""
    at = [float(np.mean([curve[i] for curve in found["left"][k]])) for found in (double, single)]
    return f"{at[0]:.4g} ({at[1] / at[0]:.4f})" if at[0] > 0.0 else f"{at[0]:g}"


def _draw(results: Results, path: Path) -> None:
    """Three panels: MSD, 1 - Q, and the ratio's distance from 1."""
    pairs = list(_pairs(results))
    looks = temperature_lines([temperature for temperature, _, _ in pairs])
    shown: dict[str, list[Floats]] = {"msd": [], "left": [], "off": []}
    with context():
        figure, (msd, left, off) = new_figure(DOUBLE_COLUMN, 2.5, n_panels=3)
        for temperature, double, single in pairs:
            times, colour = np.array(double["times"]), looks[temperature]["color"]
            place = list(looks).index(temperature)
            open_ = {"color": colour, "linestyle": "", "marker": "os^D"[place], "markersize": 3.0}
            open_ |= {"markerfacecolor": "white", "markevery": (4 * place, 16)}
            curves = [(_msd(found).mean(axis=0), np.mean(found["left"][0], axis=0)) for found in (double, single)]
            for axes, wide, narrow in zip((msd, left), *curves, strict=True):
                axes.plot(times, wide, color=colour, linewidth=0.9)
                axes.plot(times, narrow, **open_)
            # Over replicas, so that a ratio that passes through 1 does not draw a line to nowhere.
            apart = np.sqrt(np.mean((_msd(single) / _msd(double) - 1.0) ** 2, axis=0))
            predicted = np.hypot(*_on_grid(double, single))
            off.plot(times, apart, color=colour, linewidth=0.9)
            off.plot(times, predicted, color=colour, **THEORY)
            shown["msd"].append(curves[0][0])
            shown["left"].append(curves[0][1])
            shown["off"] += [apart, predicted]
        labels = (r"$\mathrm{MSD}$", "$1-Q$", r"$|\mathrm{ratio}-1|$")
        for axes, values, label in zip((msd, left, off), shown.values(), labels, strict=True):
            set_log(axes, "x", log_limits(times, pad=0.0))
            set_log(axes, "y", log_limits(*values))
            axes.set_xlabel("$t$ (steps)")
            axes.set_ylabel(label)
        handles = [Line2D([], [], color=look["color"], label=power(t)) for t, look in looks.items()]
        figure.legend(handles=handles, title="$T$", loc="outside right upper", handlelength=1.2)
        save(figure, path, title="precision", description="MSD and 1 - Q with float32 and float64 weights")

"""The loss along straight lines between minima that were reached from independent initial conditions.

The height of the barrier between two networks is the most by which the loss on the straight line between their weights
lies above the line between their losses (Frankle et al. 2020; Entezari et al. 2022): 0 where the loss is convex.
**The networks are taken as they are. Hidden units of a network can be permuted without changing its function, and no
permutation that would bring two networks closer is looked for**: a barrier between networks that differ by such a
permutation only is a barrier here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet import _check
from glassnet.analysis.conditions import Row, plain
from glassnet.analysis.intervals import Estimate
from glassnet.engines import Cpu
from glassnet.landscape.surface import Landscape
from glassnet.runs.experiment import Experiment, data_numbers
from glassnet.runs.fields import Count, NotNegativeNumbers, Positive, Whole, by_name
from glassnet.runs.own_data import DataLike
from glassnet.runs.point import Evolve, Point
from glassnet.runs.registry import register
from glassnet.runs.table import Cells, Table, short, units_table
from glassnet.simulate.dynamics import GradientDescent
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.verbs import evaluate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run

_SIZES: Final[Mapping[str, Mapping[str, Any]]] = {
    "demo": {"samples": 1_000, "replicas": 6, "epochs": 3_000},
    "laptop": {"samples": None, "replicas": 6, "epochs": 100, "intervals": 10},
}
_MOST_NETWORKS: Final = 64
_MOST_INTERVALS: Final = 1_000
_AT_ONCE: Final = 256
QUANTITIES: Final = ("data_loss", "total_loss", "accuracy")
LABELS: Final = {"data_loss": r"data loss $\mathcal{L}_\mathrm{data}$", "total_loss": "with the L2 term"}

NOTE: Final = "networks as they are, no permutation of hidden units removed"


def _most(name: str, value: Any) -> int:
    return _check.integer(name, value, low=2, high=_MOST_NETWORKS)


def _even(name: str, value: Any) -> int:
    if _check.integer(name, value, low=2, high=_MOST_INTERVALS) % 2:
        raise ValueError(f"{name} must be even, so that halfway is looked at, but got {value}")
    return int(value)


@register
class StraightLines(Experiment):
    """SGD from random weights and gradient descent to the minimum nearby, at each l2; then lines between all minima.

    Origin r is the same network and sees the same batches at every l2.

    Args:
        replicas: minima at each l2, 2 to 64; every pair of them has a line.
        width: units in each hidden layer.
        l2s: lambda.
        epochs: length of SGD.
        descent: steps of gradient descent at the learning rate of SGD.
        intervals: parts that a line is cut into, an even number.
    """

    experiment: ClassVar[str] = "straight_lines"
    about: ClassVar[str] = "loss along straight lines between minima (not in the paper)"
    scales: ClassVar[tuple[str, ...]] = tuple(_SIZES)
    lists: ClassVar[tuple[str, ...]] = ("l2s",)

    replicas: Annotated[int, by_name(_most)]
    width: Count = 20
    l2s: NotNegativeNumbers = (0.0, 1e-3, 1e-2)
    epochs: Whole
    descent: Whole = 100
    intervals: Annotated[int, by_name(_even)] = 20
    quench_rate: Positive = 1e-2

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers for a data set at a scale, "demo" or "laptop"."""
        size = dict(_SIZES[scale])
        return size | data_numbers(dataset, size["samples"])

    def points(self) -> tuple[Point, ...]:
        """All l2 together: SGD, then the descent."""
        quenched = [self.trained(self.width, l2, self.epochs, f"quench, l2 = {l2:g}") for l2 in self.l2s]
        return (*quenched, *(self.minimum(l2) for l2 in self.l2s))

    def minimum(self, l2: float) -> Point:
        """The point at the end of the descent."""
        quench = self.trained(self.width, l2, self.epochs)
        stage = Evolve(GradientDescent(self.quench_rate), self.descent)
        return replace(quench, stages=(*quench.stages, stage), label=f"descent, l2 = {l2:g}")

    @property
    def replicas_shown(self) -> tuple[Point, ...]:
        """The minima, whose weights lines are drawn between."""
        return tuple(self.minimum(l2) for l2 in self.l2s)

    def tables(self, run: Run[Any]) -> list[Table]:
        """A row an l2 with its barriers, a row a place on the lines of an l2, and a row a minimum."""
        found = lines_of(run)
        barriers = [{"l2": l2, **barrier_row(lines)} for l2, lines in found.items()]
        places = [{"l2": l2, **row} for l2, lines in found.items() for row in _places(lines)]
        return [
            Table("barriers", f"Barriers on straight lines between minima: {NOTE}", barriers, _shorter),
            Table("lines", f"Means along these lines: {NOTE}", places, _quarters),
            units_table(run),
        ]

    def pictures(self, run: Run[Any]) -> Pictures:
        """Loss along the lines at each l2, and the heights of barriers.

        Raises:
            ValueError: no two minima of an l2 are there, or none that did not diverge.
        """
        found = lines_of(run)
        if not found:
            if run.done and not run.missing:
                raise ValueError(f"{run.path} has no line to draw: fewer than two networks of each l2 survived")
            raise run.lacks("pair of minima")
        return {"lines": partial(draw_lines, found)}

    def captions(self, run: Run[Any]) -> tuple[str, Mapping[str, str]]:
        """The numbers of the run, and what a line is."""
        return super().captions(run)[0], {"lines": f"Loss on straight lines between minima ({NOTE})"}


def lines_of(run: Run[Any]) -> dict[float, xr.Dataset]:
    """The lines between the minima of each l2 of which at least two are done and did not diverge."""
    request, found = run.request, {}
    done = {label for label, _ in run.done}
    for l2 in request.l2s:
        point = request.minimum(l2)
        if point.label in done and run.ensemble(point).alive.sum() > 1:
            found[l2] = along_lines(run.ensemble(point), point.surface.landscape, request.intervals)
    return found


def along_lines(minima: Ensemble, landscape: Landscape, intervals: int) -> xr.Dataset:
    """Losses and accuracy on the straight line between each pair of networks.

    Args:
        minima: the networks; those that diverged are left out.
        landscape: the surface, of one l2.
        intervals: parts that a line is cut into, at least 1.

    Returns:
        ``data_loss``, ``total_loss`` and ``accuracy`` as ``(pair, fraction)``, from the ``first`` origin, fraction 0,
        to the ``second``, fraction 1; ``distance`` (pair), root mean square over weights.

    Raises:
        ValueError: fewer than two networks.
    """
    kept = minima[np.flatnonzero(minima.alive)]
    if len(kept) < 2:
        raise ValueError(f"minima must hold at least two networks that did not diverge, but hold {len(kept)}")
    weights = kept.weights.astype(np.float64)
    pairs = np.array(list(combinations(range(len(kept)), 2)))
    fractions = np.arange(intervals + 1) / intervals
    ends, between = weights[pairs], fractions[1:-1, None]
    values = {name: np.empty((len(pairs), intervals + 1)) for name in QUANTITIES}
    seen = _losses(weights, landscape)
    for name, found in values.items():
        found[:, [0, -1]] = seen[name][pairs]
    for i, (a, b) in enumerate(ends):
        inner = _losses((1 - between) * a + between * b, landscape)
        for name, found in values.items():
            found[i, 1:-1] = inner[name]
    distance = np.sqrt(((ends[:, 0] - ends[:, 1]) ** 2).mean(axis=1))
    return xr.Dataset(
        {name: (("pair", "fraction"), found) for name, found in values.items()} | {"distance": ("pair", distance)},
        {
            "fraction": fractions,
            "first": ("pair", kept.origin[pairs[:, 0]]),
            "second": ("pair", kept.origin[pairs[:, 1]]),
        },
    )


def _losses(weights: NDArray[np.float64], landscape: Landscape) -> dict[str, NDArray[np.float64]]:
    """Values of each of networks ``(network, weight)``, by name."""
    parts = [weights[first : first + _AT_ONCE] for first in range(0, len(weights), _AT_ONCE)]
    engine = Cpu(gradient="float64")
    seen = [evaluate(Ensemble.from_weights(landscape.network, part), landscape, engine=engine) for part in parts]
    return {name: np.concatenate([one[name].values for one in seen]) for name in QUANTITIES}


def barrier(losses: NDArray[np.float64], fractions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the barrier on each line: the most that the loss is above the line between the losses of both ends.

    Args:
        losses: ``(..., fraction)``.
        fractions: from 0 to 1, both included.

    Returns:
        ``(...)``, at least 0, and 0 where the loss is convex along the line.
    """
    straight = (1 - fractions) * losses[..., :1] + fractions * losses[..., -1:]
    above = losses - straight
    above[..., [0, -1]] = 0.0
    return np.asarray(above.max(axis=-1))


def over_origins(values: NDArray[np.float64], first: NDArray[np.int64], second: NDArray[np.int64]) -> Estimate:
    """Mean over pairs, with the jackknife's standard error over initial conditions.

    Pairs share networks, so that they are not independent: one origin after the other is left out, with all its pairs.

    Args:
        values: ``(pair, ...)``, one for every pair of origins.
        first: origin at one end of each.
        second: origin at the other.

    Returns:
        Its error is NaN for fewer than three origins, as leaving one out leaves no pair.
    """
    origins = np.unique([first, second])
    n = len(origins)
    mean = values.mean(axis=0)
    if n < 3:
        return Estimate(mean, np.full_like(mean, np.nan), n)
    without = np.stack([values[(first != one) & (second != one)].mean(axis=0) for one in origins])
    variance = (n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return Estimate(mean, np.sqrt(variance), n)


def both_ways(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values ``(pair, fraction)`` as means over both directions of each line: which end comes first means nothing."""
    return (values + values[:, ::-1]) / 2


def _estimate(values: NDArray[np.float64], lines: xr.Dataset) -> Estimate:
    return over_origins(values, lines["first"].values, lines["second"].values)


def barrier_row(lines: xr.Dataset) -> Row:
    """Barriers of data loss and total loss with 95 % intervals over origins; losses, accuracies, and the distance."""
    fractions = lines["fraction"].values
    row: Row = {"n_networks": _n_networks(lines), "n_pairs": lines.sizes["pair"]}
    for name in ("data_loss", "total_loss"):
        found = _estimate(barrier(lines[name].values, fractions), lines)
        low, high = found.interval
        row |= {
            f"{name}_barrier": plain(float(found.mean)),
            f"{name}_low": plain(float(low)),
            f"{name}_high": plain(float(high)),
        }
    middle = len(fractions) // 2
    for name in ("data_loss", "accuracy"):
        ends = float(lines[name].values[:, [0, -1]].mean())
        row |= {f"{name}_at_minima": plain(ends), f"{name}_halfway": plain(float(lines[name].values[:, middle].mean()))}
    return row | {"distance": plain(float(lines["distance"].values.mean()))}


def _n_networks(lines: xr.Dataset) -> int:
    return len(np.unique([lines["first"].values, lines["second"].values]))


def _places(lines: xr.Dataset) -> list[Row]:
    """A row a fraction: means over pairs in both directions, with intervals over origins."""
    rows: list[Row] = [{"fraction": float(fraction)} for fraction in lines["fraction"].values]
    for name in QUANTITIES:
        found = _estimate(both_ways(lines[name].values), lines)
        for i, row in enumerate(rows):
            low, high = (end[i] for end in found.interval)
            row |= {name: plain(found.mean[i]), f"{name}_low": plain(low), f"{name}_high": plain(high)}
    return rows


def _shorter(rows: Sequence[Row]) -> list[Cells]:
    return [
        {
            "l2": short(row["l2"]),
            "networks": str(row["n_networks"]),
            "barrier of the data loss": short(row["data_loss_barrier"]),
            "95 % interval": _interval(row, "data_loss"),
            "with the L2 term": short(row["total_loss_barrier"]),
            "95 % interval, with it": _interval(row, "total_loss"),
            "loss at minima": short(row["data_loss_at_minima"]),
            "halfway": short(row["data_loss_halfway"]),
        }
        for row in rows
    ]


def _interval(row: Row, name: str) -> str:
    return "-" if row[f"{name}_low"] is None else f"{short(row[f'{name}_low'])} to {short(row[f'{name}_high'])}"


def _quarters(rows: Sequence[Row]) -> list[Cells]:
    """Few places: the file summary.json has all."""
    some = [row for row in rows if isinstance(s := row["fraction"], float) and (4 * s).is_integer()]
    return [{name: short(row[name]) for name in ("l2", "fraction", *QUANTITIES)} for row in some]


def draw_lines(found: Mapping[float, xr.Dataset]) -> Figure:
    """Data loss along the lines at each l2, mean over pairs, and heights of all barriers.

    Args:
        found: what :func:`along_lines` gives, by l2.

    Returns:
        Two panels; shades and bars are 95 % intervals over initial conditions, dots are single pairs.
    """
    import matplotlib

    from glassnet.figures.scales import power
    from glassnet.figures.style import DOUBLE_COLUMN, context, draw_band, new_figure

    colours = matplotlib.colormaps["plasma"](np.linspace(0.05, 0.85, max(2, len(found))))
    with context():
        figure, (left, right) = new_figure(DOUBLE_COLUMN, 2.6, 2)
        for place, ((l2, lines), colour) in enumerate(zip(found.items(), colours, strict=False)):
            fractions = lines["fraction"].values
            along = _estimate(both_ways(lines["data_loss"].values), lines)
            label = rf"$\lambda=${power(l2)}, {_n_networks(lines)} networks"
            left.plot(fractions, along.mean, color=colour, label=label)
            draw_band(left, fractions, *along.interval, colour)
            for shift, name, marker in ((-0.15, "data_loss", "o"), (0.15, "total_loss", "s")):
                heights = barrier(lines[name].values, fractions)
                at = place + shift
                jitter = np.linspace(-0.06, 0.06, len(heights))
                right.plot(at + jitter, heights, ".", color=colour, markersize=2, alpha=0.5)
                mean = _estimate(heights, lines)
                reach = [[mean.mean - mean.interval[0]], [mean.interval[1] - mean.mean]]
                right.errorbar(
                    [at],
                    [mean.mean],
                    reach,
                    fmt=marker,
                    color="black",
                    markersize=4,
                    markerfacecolor=colour,
                    capsize=2,
                    linewidth=0.8,
                    label=LABELS[name] if place == 0 else None,
                )
        left.set_xlabel("fraction of the way between two minima")
        left.set_ylabel(LABELS["data_loss"])
        left.set_xlim(0, 1)
        right.set_xticks(range(len(found)), [power(l2) for l2 in found])
        right.set_xlabel(r"$\lambda$")
        right.set_ylabel("height of the barrier")
        right.set_ylim(bottom=min(0.0, right.get_ylim()[0]))
        left.legend(loc="best", title="hidden units not permuted", alignment="left")
        right.legend(loc="best")
    return figure

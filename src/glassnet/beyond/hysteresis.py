"""Networks carried through l2 by SGD, up and down again: which states live where, and which way they are left.

W = 0 is a local minimum at every l2 above 0, so that where a quench from random weights falls into it (the paper's
transition) depends on the start. Networks that were quenched below and are carried up live on far above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from glassnet import _check
from glassnet.analysis import hysteresis as analysis
from glassnet.analysis.conditions import Row, plain
from glassnet.landscape.network import Mlp
from glassnet.runs.experiment import Experiment, data_numbers
from glassnet.runs.fields import Count, OptionalPositive, PositiveNumbers, Whole, by_name
from glassnet.runs.own_data import DataLike
from glassnet.runs.point import Point
from glassnet.runs.registry import register
from glassnet.runs.table import Cells, Table, short

if TYPE_CHECKING:
    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run

Way = Literal["up", "down"]
WAYS: Final[tuple[Way, Way]] = ("up", "down")

UP: Final = tuple(
    round(i / 10_000, 4)
    for i in (
        *range(100, 300, 50),
        *range(300, 500, 25),
        *range(500, 800, 50),
        *range(800, 1_000, 100),
        *range(1_000, 2_001, 200),
    )
)
"""lambda on the way up: fine between 0.03 and 0.08, where at width 30 branches meet and pass the loss of W = 0."""

STARTS: Final = (0.01, 0.012, 0.014, 0.016, 0.018, 0.02, 0.022, 0.025, 0.03)
"""lambda of the quenches from random weights."""

_TURN: Final = 0.065
"""Where nothing is said the way down begins at the largest l2 up to here: at width 30 the state still lives there."""

_SIZES: Final[Mapping[str, Mapping[str, Any]]] = {
    "demo": {
        "samples": 6_000,
        "width": 16,
        "l2s": (0.005, *UP),
        "starts": (0.005, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.04),
        "replicas": 4,
        "quench_rate": 5e-3,
        "quench_epochs": 400,
        "epochs": 250,
    },
    "laptop": {"samples": None, "replicas": 4, "quench_epochs": 1_000, "epochs": 50, "every": 5},
    "workstation": {"samples": None, "replicas": 8, "quench_epochs": 3_000, "epochs": 250, "every": 10},
    "paper": {"samples": None, "replicas": 20, "quench_epochs": 7_000, "epochs": 1_000, "every": 50},
}
_MOST_STEPS: Final = 100
_MOST_LOOKS: Final = 10
_MOST_UNITS: Final = 20_000
"""The address of a unit names all of its stages."""


def _looks(name: str, value: Any) -> int:
    return _check.integer(name, value, low=1, high=_MOST_LOOKS)


@register
class Hysteresis(Experiment):
    """SGD at one l2 after the other, up and down again, beside quenches from random weights (not in the paper).

    The way up begins with networks that were quenched at the first l2, and has a step at each; the way down begins at
    the end of the step at ``turn``. Batches go on through all steps. Losses are of the step's own l2.

    Args:
        width: units in each hidden layer.
        l2s: lambda of the steps of the way up, in increasing order.
        turn: where the way down begins, one of ``l2s``; None for the largest up to 0.065, or the last if all are above.
        quench_epochs: of SGD from random weights.
        epochs: of SGD a step: the sweep's rate is one step of l2 in so many.
        looks: times at the end of a step at which losses are taken, 1 to 10: how they differ is SGD's own spread.
        every: epochs between two of them.
        starts: lambda of quenches from random weights, of which those that fall into W = 0 show lambda_jump.
    """

    experiment: ClassVar[str] = "hysteresis"
    about: ClassVar[str] = "sweeps of l2 up and down (not in the paper)"
    scales: ClassVar[tuple[str, ...]] = tuple(_SIZES)
    lists: ClassVar[tuple[str, ...]] = ("starts",)

    width: Count = 30
    l2s: PositiveNumbers = UP
    turn: OptionalPositive = None
    quench_epochs: Whole
    epochs: Count
    looks: Annotated[int, by_name(_looks)] = 5
    every: Count = 10
    starts: PositiveNumbers = STARTS

    @classmethod
    def preset(
        cls, dataset: DataLike = "mnist", scale: str = "", changes: Mapping[str, Any] | None = None, **variant: str
    ) -> Self:
        """The request for a data set at a scale, "demo", "laptop", "workstation" or "paper".

        Raises:
            ValueError: an unknown name, or a number that is not allowed.
        """
        scale, _ = cls.check_names(scale, variant)
        size = dict(_SIZES[scale])
        return cls.of(size | data_numbers(dataset, size["samples"]) | dict(changes or {}))

    # What is made.

    @property
    def turns_at(self) -> float:
        """The l2 at which the way down begins."""
        if self.turn is not None:
            return self.turn
        return max((l2 for l2 in self.l2s if l2 <= _TURN), default=self.l2s[-1])

    def steps(self, way: Way) -> tuple[float, ...]:
        """lambda of the steps of a way, in order; that down lacks the turn itself."""
        return self.l2s if way == "up" else tuple(l2 for l2 in reversed(self.l2s) if l2 < self.turns_at)

    def start(self, l2: float) -> Point:
        """The point at the end of a quench from random weights."""
        return self.trained(self.width, l2, self.quench_epochs, f"quench, l2 = {l2:g}")

    def step(self, way: Way, l2: float) -> tuple[Point, ...]:
        """The points at which a step is looked at, the last one its end."""
        return self._chain(way)[l2]

    def points(self) -> tuple[Point, ...]:
        """Quenches, then the steps; those of both ways that are as far from the start stand together."""
        quenches = [self.start(l2) for l2 in sorted({self.l2s[0], *self.starts})]
        chains = [point for way in WAYS for looks in self._chain(way).values() for point in looks]
        return (*quenches, *sorted(chains, key=lambda point: len(point.stages)))

    @property
    def replicas_shown(self) -> tuple[Point, ...]:
        """The beginning and the end of every step, whose matrices are looked at."""
        ends = [looks[-1] for way in WAYS for looks in self._chain(way).values()]
        return (self.start(self.l2s[0]), *ends)

    def _chain(self, way: Way) -> dict[float, tuple[Point, ...]]:
        """The points of each step of a way, by l2."""
        before = self.start(self.l2s[0]) if way == "up" else self._chain("up")[self.turns_at][-1]
        first = self.epochs - (self.looks - 1) * self.every
        lengths = (first, *[self.every] * (self.looks - 1))
        found: dict[float, tuple[Point, ...]] = {}
        for l2 in self.steps(way):
            looks = []
            for k, length in enumerate(lengths):
                at = first + k * self.every
                stage = replace(self.sgd(length), l2=l2)
                label = f"{way}, l2 = {l2:g}, epoch {at}"
                before = replace(before, stages=(*before.stages, stage), label=label)
                looks.append(before)
            found[l2] = tuple(looks)
        return found

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        if len(self.l2s) > _MOST_STEPS:
            raise ValueError(f"l2s must hold at most {_MOST_STEPS} numbers, but hold {len(self.l2s)}")
        if self.turn is not None and self.turn not in self.l2s:
            raise ValueError(f"turn must be one of l2s, {', '.join(map(str, self.l2s))}, but got {self.turn:g}")
        if (between := (self.looks - 1) * self.every) >= self.epochs:
            raise ValueError(f"epochs must be more than looks - 1 times every = {between}, but got {self.epochs}")
        n_points = len({self.l2s[0], *self.starts}) + self.looks * sum(len(self.steps(way)) for way in WAYS)
        if n_points * self.replicas > _MOST_UNITS:
            raise ValueError(
                f"replicas times quenches and looks must be at most {_MOST_UNITS} units, but are "
                f"{self.replicas} times {n_points}: ask for fewer replicas, l2s or looks"
            )
        return self

    # How it is shown.

    def tables(self, run: Run[Any]) -> list[Table]:
        """The four transitions; a row a step of each way; a row a quench from random weights."""
        ways = {way: way_of(run, way) for way in WAYS}
        found = [analysis.row(name, MEANING[name], one) for name, one in transitions(run, ways["up"]).items()]
        steps = [row for way, one in ways.items() for row in _steps(self, way, one)]
        title = f"Transitions, {self._rate}"
        return [
            Table("transitions", title, found, _transitions),
            Table("steps", f"Steps of both ways, {self._rate}", steps, _shorter),
            Table("quenches", f"Quenches of {self.quench_epochs} epochs from random weights", _quenches(run)),
        ]

    @property
    def _rate(self) -> str:
        return f"width {self.width}, {self.samples} rows, {self.epochs} epochs a step"

    def pictures(self, run: Run[Any]) -> Pictures:
        """Both branches, and the spread between origins below.

        Raises:
            ValueError: no step of the way up is done.
        """
        from glassnet.figures.hysteresis import draw_hysteresis

        ways = {way: way_of(run, way) for way in WAYS}
        if not ways["up"].l2.size:
            raise run.lacks("step of the way up")
        curves: dict[str, Any] = {way: one.curves for way, one in ways.items() if one.l2.size}
        return {
            "hysteresis": partial(draw_hysteresis, curves, transitions(run, ways["up"]), one_state=analysis.ONE_STATE)
        }

    def captions(self, run: Run[Any]) -> tuple[str, Mapping[str, str]]:
        """The numbers of the run, and what the figure shows."""
        title = f"Sweep of l2 up and down by SGD, {self._rate}"
        return super().captions(run)[0], {"hysteresis": title}


MEANING: Final[Mapping[str, str]] = {
    "lambda_jump": "from here on random weights fall into W = 0",
    "lambda_unique": "from here on all origins are in one state, up to symmetry",
    "lambda_c": "the total loss of that state passes 1/2, the loss of W = 0",
    "lambda_end": "the state vanishes: networks carried up fall into W = 0",
}


@dataclass(frozen=True)
class Swept:
    """Results on one way, in increasing order of l2; NaN where a unit is not done or diverged.

    Args:
        l2: ``(step,)``.
        data_loss: ``(step, look, replica)``.
        total_loss: likewise.
        ranks: ``(step, replica, layer)``, effective.
        norm2: ``(step, replica)``, |W|^2.
        distance: ``(step, replica)``, root mean square over weights, from the end of the quench at the first l2.
    """

    l2: NDArray[np.float64]
    data_loss: NDArray[np.float64]
    total_loss: NDArray[np.float64]
    ranks: NDArray[np.float64]
    norm2: NDArray[np.float64]
    distance: NDArray[np.float64]

    @property
    def away(self) -> NDArray[np.bool_]:
        """``(step, replica)``: which networks are away from W = 0 at the end of a step."""
        return analysis.is_away(self.data_loss[:, -1])

    @property
    def curves(self) -> dict[str, NDArray[np.float64]]:
        """The values that the figure shows."""
        return {
            "l2": self.l2,
            "total_loss": self.total_loss.mean(axis=1),
            "between": analysis.spread_between(self.total_loss, self.away),
            "within": analysis.spread_within(self.total_loss, self.away),
        }


def way_of(run: Run[Any], way: Way) -> Swept:
    """The steps of one way of which all replicas are done."""
    request = run.request
    n, looks = request.replicas, request.looks
    done = set(run.done)
    chain = {l2: points for l2, points in request._chain(way).items() if _all_done(points[-1], n, done)}
    l2s = sorted(chain)
    losses = np.full((2, len(l2s), looks, n), np.nan)
    n_layers = request.depth + 1
    ranks, norm2, distance = np.full((len(l2s), n, n_layers), np.nan), *np.full((2, len(l2s), n), np.nan)
    start = run.ensemble(request.start(request.l2s[0])).weights.astype(np.float64) if l2s else np.zeros((n, 0))
    for i, l2 in enumerate(l2s):
        for k, point in enumerate(chain[l2]):
            for origin, found in run.results(point).items():
                if found.get("alive", 1.0):
                    losses[:, i, k, origin] = found["data_loss"], found["total_loss"]
        ensemble = run.ensemble(chain[l2][-1])
        weights = ensemble.weights.astype(np.float64)
        network = ensemble.network
        assert isinstance(network, Mlp)
        for layer, matrices in enumerate(network.unflatten(weights)):
            values = np.linalg.svd(matrices.reshape(n, len(matrices[0]), -1), compute_uv=False)
            ranks[i, :, layer] = analysis.participation_ratio(values.astype(np.float64))
        norm2[i] = (weights**2).sum(axis=1)
        distance[i] = np.sqrt(((weights - start) ** 2).mean(axis=1))
    return Swept(np.array(l2s), losses[0], losses[1], ranks, norm2, distance)


def _all_done(point: Point, n: int, done: set[tuple[str, int]]) -> bool:
    return all((point.label, origin) in done for origin in range(n))


def transitions(run: Run[Any], up: Swept) -> dict[str, analysis.Transition]:
    """The four transitions, by name, as far as they are seen."""
    request = run.request
    losses = _quenched(run)
    starts = np.array(list(losses))
    away = np.array([analysis.is_away(one) for one in losses.values()]).reshape(len(starts), request.replicas)
    found: dict[str, analysis.Transition] = {}
    if len(starts):
        found["lambda_jump"] = analysis.transition(analysis.falls(starts, away), f"not up to {starts[-1]:g}")
    if up.l2.size:
        curves, mean = up.curves, up.total_loss.mean(axis=1)
        found["lambda_unique"] = analysis.unique_from(up.l2, curves["between"], curves["within"], up.away.sum(axis=1))
        crossed = analysis.crossings(up.l2, mean, up.away)
        found["lambda_c"] = analysis.transition(crossed, "not before the branch ends", placed=True)
        found["lambda_end"] = analysis.transition(analysis.falls(up.l2, up.away), f"not up to {up.l2[-1]:g}")
    nothing = analysis.Transition(None, None, None, 0, 0, "nothing is done yet")
    return {name: found.get(name, nothing) for name in MEANING}


def _quenched(run: Run[Any]) -> dict[float, NDArray[np.float64]]:
    """Data losses of the origins after the quench at each l2 at which all are done; NaN for one that diverged."""
    request, found = run.request, {}
    for l2 in sorted({request.l2s[0], *request.starts}):
        results = run.results(request.start(l2))
        if len(results) == request.replicas:
            lost = [not one.get("alive", 1.0) for one in results.values()]
            losses = np.array([one["data_loss"] for one in results.values()])
            found[l2] = np.where(lost, np.nan, losses)
    return found


def _steps(request: Hysteresis, way: Way, one: Swept) -> list[Row]:
    """A row a step: means over origins that are away from W = 0, spreads, and the step's length in 1/(mu l2)."""
    rows: list[Row] = []
    spreads = {
        name: (analysis.spread_between(losses, one.away), analysis.spread_within(losses, one.away))
        for name, losses in (("total_loss", one.total_loss), ("data_loss", one.data_loss))
    }
    for i, l2 in enumerate(one.l2):
        away = one.away[i]
        row: Row = {"way": way, "l2": float(l2), "n_away": int(away.sum()), "n_origins": len(away)}
        for name, losses in (("total_loss", one.total_loss), ("data_loss", one.data_loss)):
            between, within = spreads[name]
            row |= {
                name: plain(_mean(losses[i].mean(axis=0), away)),
                f"{name}_between": plain(float(between[i])),
                f"{name}_within": plain(float(within[i])),
            }
        row |= {"norm2": plain(_mean(one.norm2[i], away)), "distance": plain(_mean(one.distance[i], away))}
        row["relaxation_times"] = request.quench_rate * float(l2) * request.epochs * request.epoch
        rows.append(row | {f"rank_{layer + 1}": plain(_mean(rank, away)) for layer, rank in enumerate(one.ranks[i].T)})
    return rows if way == "up" else rows[::-1]


def _mean(values: NDArray[np.float64], away: NDArray[np.bool_]) -> float:
    return float(values[away].mean()) if away.any() else np.nan


def _quenches(run: Run[Any]) -> list[Row]:
    found = {l2: (losses, analysis.is_away(losses)) for l2, losses in _quenched(run).items()}
    return [
        {"l2": l2, "n_away": int(away.sum()), "n_origins": len(away), "data_loss": plain(_mean(losses, away))}
        for l2, (losses, away) in found.items()
    ]


def _transitions(rows: Sequence[Row]) -> list[Cells]:
    return [
        {
            "": str(row["name"]),
            "l2": short(row["value"]),
            "from": short(row["low"]),
            "to": short(row["high"]),
            "origins": f"{row['n_reached']} of {row['n_origins']}",
            "what": str(row["meaning"]) if row["outcome"] == "found" else str(row["outcome"]),
        }
        for row in rows
    ]


def _shorter(rows: Sequence[Row]) -> list[Cells]:
    heads = {"total_loss": "loss", "total_loss_between": "spread", "total_loss_within": "SGD's own", "norm2": "|W|^2"}
    return [
        {
            "way": str(row["way"]),
            "l2": short(row["l2"]),
            "away from 0": f"{row['n_away']} of {row['n_origins']}",
            **{head: short(row[name]) for name, head in heads.items()},
            "distance": short(row["distance"]),
            "mu l2 t": short(row["relaxation_times"]),
            "ranks": " ".join(short(value) for name, value in row.items() if name.startswith("rank_")),
        }
        for row in rows
    ]

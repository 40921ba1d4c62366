"""The loss of quenched networks over the plane of width and l2 (Figs. 1a to 1c and A3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, get_args

from glassnet import _check
from glassnet.runs.experiment import Counts, NotNegativeNumbers, Whole
from glassnet.runs.own_data import OwnData
from glassnet.runs.point import Evolve, Point
from glassnet.runs.training import Training, data_numbers, like
from glassnet.simulate.dynamics import GradientDescent

PartName = Literal["plane", "width", "l2"]
PARTS: Final = get_args(PartName)


class PhaseDiagram(Training):
    """SGD from random weights at every width and l2, then gradient descent to the minimum nearby.

    Origin r at a width is the same network for every l2. A replica that diverges is kept as it was before.

    Args:
        widths: units in each hidden layer.
        l2s: lambda.
        epochs: lengths of SGD; from each of them networks descend by themselves.
        descent: steps of gradient descent at the learning rate of SGD, and as many at a tenth of it.
    """

    experiment: ClassVar[str] = "phase_diagram"
    grows: ClassVar[Mapping[str, Callable[[Any, Any], bool]]] = {
        "replicas": lambda old, new: new >= old,
        "widths": lambda old, new: set(new) >= set(old),
        "l2s": lambda old, new: set(new) >= set(old),
    }

    widths: Counts
    l2s: NotNegativeNumbers
    epochs: Counts
    descent: Whole = 50

    def points(self) -> tuple[Point, ...]:
        """Width after width, all l2 together: SGD, and the two descents from each of its lengths."""
        return tuple(
            point
            for width in self.widths
            for epochs in self.epochs
            for at_each_l2 in zip(*(self._at(width, l2, epochs) for l2 in self.l2s), strict=True)
            for point in at_each_l2
        )

    def minimum(self, width: int, l2: float, epochs: int) -> Point:
        """The point whose losses are shown."""
        return self._at(width, l2, epochs)[-1]

    def n_weights(self, width: int) -> int:
        """N at a width."""
        return self.surface_of(width, 0.0).network.n_weights

    def _at(self, width: int, l2: float, epochs: int) -> tuple[Point, Point, Point]:
        lengths = [length for length in self.epochs if length <= epochs]
        parts = [self.sgd(b - a) for a, b in zip([0, *lengths[:-1]], lengths, strict=True)]
        where = f"width {width}, l2 = {l2:g}"
        quench = replace(self.trained(width, l2, epochs, f"quench, {where}"), stages=tuple(parts))
        fast = Evolve(GradientDescent(self.quench_rate), self.descent)
        slow = Evolve(GradientDescent(self.quench_rate / 10), self.descent)
        first = replace(quench, stages=(*quench.stages, fast), label=f"descent, {where}")
        return quench, first, replace(first, stages=(*first.stages, slow), label=f"slow descent, {where}")


@dataclass(frozen=True)
class _Size:
    """How much of everything: rows (None: all), and for each part widths, l2, epochs and replicas."""

    samples: int | None
    plane: tuple[tuple[int, ...], tuple[float, ...], tuple[int, ...], int]
    width: tuple[tuple[int, ...], tuple[int, ...], int]
    l2: tuple[tuple[float, ...], tuple[int, ...], int]


def _l2s(first: int, last: int, step: int) -> tuple[float, ...]:
    """Thousandths from ``first`` to ``last``."""
    return tuple(i / 1000 for i in range(first, last + 1, step))


_PLANE_L2: Final = (0.0, *_l2s(10, 52, 3))
_LINE_L2: Final = (1e-3, 5e-3, *_l2s(10, 40, 2), 0.08, 0.15)
_PLANE_WIDTHS: Final = tuple(range(30, 82, 3))
_LINE_WIDTHS: Final = (36, 39, 42, 45, 48, 54)
_CIFAR10_WIDTHS: Final = tuple(range(30, 103, 6))

# A tenth of the rows: the widths of the demo keep N/P_D, and its epochs are as many steps as 300 of all rows.
_SIZES: Final[Mapping[str, _Size]] = {
    "demo": _Size(
        6_000,
        ((6, 12, 18, 24), (0.0, 0.01, 0.02, 0.03, 0.04, 0.052), (500,), 2),
        ((9, 12, 15, 18, 22), (2_000,), 2),
        ((1e-3, 5e-3, 0.01, 0.016, 0.02, 0.024, 0.03, 0.036, 0.04, 0.08), (1_000,), 3),
    ),
    "laptop": _Size(
        None,
        (tuple(range(30, 79, 6)), _PLANE_L2, (300,), 3),
        (_LINE_WIDTHS, (7_000, 17_000), 4),
        (_LINE_L2, (1_000,), 10),
    ),
    "workstation": _Size(
        None,
        (_PLANE_WIDTHS, _PLANE_L2, (1_000,), 5),
        (_PLANE_WIDTHS, (7_000, 17_000), 10),
        (_LINE_L2, (7_000,), 20),
    ),
    "paper": _Size(
        None,
        (_PLANE_WIDTHS, _PLANE_L2, (7_000,), 10),
        (_PLANE_WIDTHS, (7_000, 17_000), 10),
        (_LINE_L2, (7_000,), 20),
    ),
}


def phase_diagram(
    part: str, dataset: str | OwnData, scale: str, changes: Mapping[str, Any] | None = None
) -> PhaseDiagram:
    """The request of a part of the phase diagram at a scale.

    Args:
        part: "plane" (Fig. 1a), "width" (the line l2 = 0, Figs. 1b and A3a) or "l2" (width 30, Figs. 1c and A3b).
        dataset: "mnist", "cifar10" or own data.
        scale: "demo", "laptop", "workstation" or "paper".
        changes: other numbers for any fields of :class:`PhaseDiagram`.

    Raises:
        ValueError: an unknown name, or a number that is not allowed.
    """
    _check.choice("part", part, PARTS)
    known = like(dataset)
    _check.choice("scale", scale, tuple(_SIZES))
    size = _SIZES[scale]
    if part == "plane":
        widths, l2s, epochs, replicas = size.plane
    elif part == "width":
        widths, epochs, replicas = size.width
        l2s = (0.0,)
        if known == "cifar10" and scale != "demo":
            # Nothing gets near zero loss early, and the networks are wide: one length.
            widths, epochs = _CIFAR10_WIDTHS, (1_500,) if scale == "laptop" else epochs[:1]
    else:
        l2s, epochs, replicas = size.l2
        widths = (30,)
    numbers = {
        **data_numbers(dataset, size.samples),
        "widths": widths,
        "l2s": l2s,
        "epochs": epochs,
        "replicas": replicas,
    }
    return PhaseDiagram.of(numbers | dict(changes or {}))

"""The loss of quenched networks over the plane of width and l2 (Figs. 1a to 1c and A3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from glassnet.paper.experiments.relaxation import like
from glassnet.paper.numbers import EPOCHS, LAMBDA, LONG_EPOCHS, RATIO
from glassnet.paper.scales import SCALES
from glassnet.runs.experiment import Experiment, data_numbers
from glassnet.runs.fields import Counts, NotNegativeNumbers, Whole
from glassnet.runs.own_data import DataLike
from glassnet.runs.point import Evolve, Point
from glassnet.runs.registry import register
from glassnet.runs.table import listed
from glassnet.simulate.dynamics import GradientDescent

if TYPE_CHECKING:
    import xarray as xr

    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run


@register
class PhaseDiagram(Experiment):
    """SGD from random weights at every width and l2, then gradient descent to the minimum nearby.

    Origin r at a width is the same network for every l2. A replica that diverges is kept as it was before.

    Args:
        widths: units in each hidden layer.
        l2s: lambda.
        epochs: lengths of SGD; from each of them networks descend by themselves.
        descent: steps of gradient descent at the learning rate of SGD, and as many at a tenth of it.
    """

    experiment: ClassVar[str] = "phase_diagram"
    about: ClassVar[str] = "losses over width and l2 (Figs. 1, A3)"
    variants: ClassVar[Mapping[str, tuple[str, ...]]] = {"part": ("plane", "width", "l2")}
    scales: ClassVar[tuple[str, ...]] = SCALES
    lists: ClassVar[tuple[str, ...]] = ("widths", "l2s", "epochs")

    widths: Counts
    l2s: NotNegativeNumbers
    epochs: Counts
    descent: Whole = 50

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers of a part of the phase diagram at a scale.

        The ``part`` is "plane" (Fig. 1a), "width" (the line l2 = 0, Figs. 1b and A3a) or "l2" (width 30, Figs. 1c and
        A3b).
        """
        known = like(dataset)
        size = _SIZES[scale]
        if variant["part"] == "plane":
            widths, l2s, epochs, replicas = size.plane
        elif variant["part"] == "width":
            widths, epochs, replicas = size.width
            l2s = (0.0,)
            if known == "cifar10" and scale != "demo":
                # Nothing gets near zero loss early, and the networks are wide: one length.
                widths, epochs = _CIFAR10_WIDTHS, (1_500,) if scale == "laptop" else epochs[:1]
        else:
            l2s, epochs, replicas = size.l2
            widths = (30,)
        numbers = {"widths": widths, "l2s": l2s, "epochs": epochs, "replicas": replicas}
        return data_numbers(dataset, size.samples) | numbers

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

    def pictures(self, run: Run[Any]) -> Pictures:
        """The plane, if there is one, and else the line.

        Raises:
            ValueError: no minimum is there, or none that did not diverge.
        """
        import numpy as np

        from glassnet.figures import phase_diagram as figures

        table = losses(run)
        if not np.isfinite(table["total_loss"].values).any():
            if run.done:
                raise ValueError(f"{run.path} has no loss to draw: every network diverged")
            raise run.lacks("minimum")
        marks = transitions(table.attrs["dataset"])
        if len(self.widths) > 1 and len(self.l2s) > 1:
            return {"plane": partial(figures.draw_plane, table, **marks)}
        if len(self.widths) > 1:
            return {"width_line": partial(figures.draw_width_line, table, **marks)}
        return {"l2_line": partial(figures.draw_l2_line, table, **marks)}

    def page(self, run: Run[Any]) -> dict[str, Any]:
        """Losses ``(epochs, width, l2, origin)`` and the paper's transitions; no figures where nothing is done yet."""
        import numpy as np

        table = losses(run)
        n_widths, n_l2s = table.sizes["width"], table.sizes["l2"]
        found = bool(np.isfinite(table["total_loss"].values).any())
        wanted = {"plane": n_widths > 1 and n_l2s > 1, "width_line": n_widths > 1, "l2_line": n_l2s > 1}
        figures = [name for name, there in wanted.items() if there] or ["width_line"]
        return {
            "kind": "plane",
            "figures": figures if found else [],
            "epochs": table["epochs"].values.tolist(),
            "widths": table["width"].values.tolist(),
            "ratios": table["ratio"].values.tolist(),
            "l2s": table["l2"].values.tolist(),
            "origins": table["origin"].values.tolist(),
            "alive": listed(table["alive"].values),
            "quantities": {
                name: listed(table[name].values) for name in _QUANTITIES if np.isfinite(table[name].values).any()
            },
            "paper": {"l2": LAMBDA, "ratio": RATIO if table.attrs["dataset"] == "mnist" else None},
        }


NAMES: Final = ("data_loss", "total_loss", "accuracy", "test_loss", "test_accuracy", "awake", "dead", "alive")
_QUANTITIES: Final = ("total_loss", "data_loss", "test_loss", "accuracy", "test_accuracy", "awake")


def transitions(dataset: str) -> dict[str, float | None]:
    """The paper's transitions, to be marked in figures of a data set; N*/P_D is known for MNIST only."""
    return {"l2_mark": LAMBDA if dataset == "mnist" else None, "ratio_mark": RATIO if dataset == "mnist" else None}


def losses(run: Run[Any]) -> xr.Dataset:
    """Losses at the minima, ``(epochs, width, l2, origin)``, NaN where a unit is not done.

    ``n_weights`` and ``ratio`` (N/P_D) stand beside ``width``. ``alive`` is 0 where a replica diverged, whose losses
    are those of its last finite weights.
    """
    import numpy as np
    import xarray as xr

    request = run.request
    axes = {
        "epochs": request.epochs,
        "width": request.widths,
        "l2": request.l2s,
        "origin": tuple(range(request.replicas)),
    }
    shape = tuple(len(values) for values in axes.values())
    arrays = {name: np.full(shape, np.nan) for name in NAMES}
    for i, epochs in enumerate(request.epochs):
        for j, width in enumerate(request.widths):
            for k, l2 in enumerate(request.l2s):
                for origin, found in run.results(request.minimum(width, l2, epochs)).items():
                    for name in NAMES:
                        arrays[name][i, j, k, origin] = found.get(name, np.nan)
    n_weights = np.array([request.n_weights(width) for width in request.widths])
    beside: dict[str, Any] = {"n_weights": ("width", n_weights), "ratio": ("width", n_weights / request.samples)}
    table = {name: (tuple(axes), array) for name, array in arrays.items()}
    about = {"dataset": str(request.dataset), "n_samples": request.samples}
    return xr.Dataset(table, {name: list(values) for name, values in axes.items()} | beside, about)


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
        (_LINE_WIDTHS, (EPOCHS, LONG_EPOCHS), 4),
        (_LINE_L2, (1_000,), 10),
    ),
    "workstation": _Size(
        None,
        (_PLANE_WIDTHS, _PLANE_L2, (1_000,), 5),
        (_PLANE_WIDTHS, (EPOCHS, LONG_EPOCHS), 10),
        (_LINE_L2, (EPOCHS,), 20),
    ),
    "paper": _Size(
        None,
        (_PLANE_WIDTHS, _PLANE_L2, (EPOCHS,), 10),
        (_PLANE_WIDTHS, (EPOCHS, LONG_EPOCHS), 10),
        (_LINE_L2, (EPOCHS,), 20),
    ),
}

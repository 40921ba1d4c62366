"""How far SGD carries regularised networks at each batch size (Fig. 5d)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import model_validator

from glassnet.paper.experiments.relaxation import quench_numbers
from glassnet.paper.numbers import SGD_BOWL, SGD_LEVEL
from glassnet.paper.scales import SCALES
from glassnet.runs.experiment import Curves
from glassnet.runs.fields import Count, Counts, Times
from glassnet.runs.own_data import DataLike
from glassnet.runs.point import Grid, Measure, Point
from glassnet.runs.quench import Quenched
from glassnet.runs.registry import register
from glassnet.runs.table import Table, units_table
from glassnet.simulate.dynamics import Sampling, Sgd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run

Key = tuple[Sampling, int]
"""How batches are drawn, and how large they are."""


@register
class SgdDisplacement(Quenched):
    """Quench by SGD, then SGD with batches of other sizes, measured from the start of an epoch.

    Displacements are recorded at log-spaced times, and at whole and half epochs: with one permutation an epoch the
    noise nearly cancels over a whole one. Batches drawn with replacement, whose noise is white, are the control. All
    rows at once, which is gradient descent, are measured beside them.

    Args:
        batch_sizes: of the measured SGD, in permuted order; all rows are one more.
        controls: of the measured SGD with replacement.
        waiting_times: steps since the end of the quench; each reference stands at the next start of an epoch.
        t_max: steps after the last reference.
        max_rows: a batch size that would look at more rows than this after its last reference ends earlier, and has
            no reference that half as many rows go by before.
    """

    experiment: ClassVar[str] = "sgd_displacement"
    about: ClassVar[str] = "displacement under SGD (Fig. 5d)"
    scales: ClassVar[tuple[str, ...]] = SCALES
    lists: ClassVar[tuple[str, ...]] = ("batch_sizes", "controls")
    lengths: ClassVar[tuple[str, ...]] = ("t_max",)
    report: ClassVar[Curves] = Curves(("msd", "overlap", "alpha", "mobility", "history"), "Batches")

    from_whole_epochs: ClassVar[bool] = True

    batch_sizes: Counts
    controls: Counts
    waiting_times: Times
    t_max: Count
    max_rows: Count

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers for a data set at a scale, from the regularised quench that relaxation starts from.

        The paper does not say how long it followed SGD; here until well after 1/(mu l2) = 1e5 steps, the bowl's time.
        """
        shared, sizes = quench_numbers("regularised", dataset, scale), dict(_SIZES[scale])
        for name in ("batch_sizes", "controls"):
            sizes[name] = tuple(size for size in sizes[name] if size <= shared["samples"])
        return shared | sizes

    @model_validator(mode="after")
    def _batches_fit(self) -> Self:
        for name in ("batch_sizes", "controls"):
            if (largest := getattr(self, name)[-1]) > self.samples:
                raise ValueError(f"{name} must be at most samples = {self.samples}, but got {largest}")
        return self

    @property
    def measured(self) -> dict[Key, Point]:
        """The point of each batch size, controls last, from large to small."""
        sizes = sorted({*self.batch_sizes, self.samples}, reverse=True)
        permuted: list[Key] = [("permutation", size) for size in sizes]
        drawn: list[Key] = [("replacement", size) for size in self.controls[::-1]]
        return {key: self._at(*key) for key in [*permuted, *drawn]}

    def points(self) -> tuple[Point, ...]:
        """The quench, then every batch size."""
        return (self.quench, *self.measured.values())

    def tables(self, run: Run[Any]) -> list[Table]:
        """A row a replica at the end of each stage that is not recorded."""
        return [units_table(run)]

    def pictures(self, run: Run[Any]) -> Pictures:
        """Displacement at each batch size, permuted and drawn with replacement."""
        return {"sgd_displacement": partial(_draw, run, str(self.dataset))}

    def _at(self, sampling: Sampling, batch_size: int) -> Point:
        epoch, quenched = self.samples // batch_size, self.epochs * self.epoch
        # A batch size's own epochs are counted from step 0 of a replica's life.
        first, *later = self.waiting_times
        kept = [first, *(wait for wait in later if wait * batch_size <= self.max_rows // 2)]
        waits = sorted({wait + (-(quenched + wait)) % epoch for wait in kept})
        grid = Grid(epoch=epoch)
        steps = int(grid.times(max(1, min(self.t_max, self.max_rows // batch_size)))[-1])
        stage = Measure(Sgd(self.quench_rate, batch_size, sampling), tuple(waits), waits[-1] + steps, grid=grid)
        label = f"SGD b = {batch_size}" + (", replacement" if sampling == "replacement" else "")
        return replace(self.quench, stages=(*self.quench.stages, stage), label=label)


_BATCHES: Final = (1, 2, 4, 8, 16, 32, 64, 100, 128, 300, 600, 1000, 3000, 6000, 10000)
"""Fig. 5d's, beside all rows at once."""

_SIZES: Final[Mapping[str, dict[str, Any]]] = {
    "demo": {
        "batch_sizes": (1, 4, 16, 64, 100, 300, 600),
        "controls": (4, 100),
        "replicas": 2,
        "waiting_times": (0,),
        "t_max": 30_000,
        "max_rows": 3_000_000,
    },
    "laptop": {
        "batch_sizes": _BATCHES,
        "controls": (8, 100, 1000),
        "replicas": 4,
        "waiting_times": (0, 200_000),
        "t_max": 1_000_000,
        "max_rows": 500_000_000,
    },
    "workstation": {
        "batch_sizes": _BATCHES,
        "controls": (8, 100, 1000),
        "replicas": 8,
        "waiting_times": (0, 500_000),
        "t_max": 3_000_000,
        "max_rows": 3_000_000_000,
    },
    "paper": {
        "batch_sizes": _BATCHES,
        "controls": (8, 100, 1000),
        "replicas": 20,
        "waiting_times": (0, 500_000),
        "t_max": 3_000_000,
        "max_rows": 10_000_000_000,
    },
}


def _draw(run: Run[Any], dataset: str) -> Figure:
    from glassnet.figures.sgd_displacement import draw_sgd_displacement
    from glassnet.runs.pictures import complete_records

    levels = (SGD_LEVEL, SGD_BOWL) if dataset == "mnist" else None
    return draw_sgd_displacement(complete_records(run), levels=levels)

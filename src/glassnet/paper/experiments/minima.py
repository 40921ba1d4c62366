"""Minima on both sides of the trivialisation transition: weights, losses, distances, and the ends of the Hessian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from glassnet.paper.experiments.relaxation import quench_numbers
from glassnet.paper.numbers import SCRIPTS_DISTANCE, SCRIPTS_LOSS
from glassnet.paper.scales import SCALES
from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Count, NotNegativeNumbers, Whole
from glassnet.runs.own_data import DataLike
from glassnet.runs.point import Curvature, Evolve, Point
from glassnet.runs.registry import register
from glassnet.runs.table import listed
from glassnet.simulate.dynamics import GradientDescent

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run


@register
class Minima(Experiment):
    """SGD from random weights, gradient descent to the minimum nearby, and the Hessian there.

    Args:
        width: units in each hidden layer.
        l2s: lambda.
        epochs: length of SGD.
        descent: steps of gradient descent at the learning rate of SGD.
        eigenvalues: how many at each end of the spectrum.
    """

    experiment: ClassVar[str] = "minima"
    about: ClassVar[str] = "minima and their Hessian (section III A)"
    scales: ClassVar[tuple[str, ...]] = SCALES
    lists: ClassVar[tuple[str, ...]] = ("l2s",)

    width: Count
    l2s: NotNegativeNumbers
    epochs: Whole
    descent: Whole = 100
    eigenvalues: Count = 3

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers for a data set at a scale: l2 = 0.01 and 0.04, as the authors' scripts have them."""
        shared = quench_numbers("regularised", dataset, scale)
        del shared["l2"]
        return shared | {"l2s": (0.01, 0.04), "replicas": _REPLICAS[scale]}

    def points(self) -> tuple[Point, ...]:
        """All l2 together: SGD, descent, and the Hessian."""
        quenched = [self.trained(self.width, l2, self.epochs, f"quench, l2 = {l2:g}") for l2 in self.l2s]
        minima = [self.minimum(l2) for l2 in self.l2s]
        return (*quenched, *minima, *(self.hessian(l2) for l2 in self.l2s))

    @property
    def replicas_shown(self) -> tuple[Point, ...]:
        """The minima."""
        return tuple(self.minimum(l2) for l2 in self.l2s)

    def minimum(self, l2: float) -> Point:
        """The point at the end of the descent."""
        quench = self.trained(self.width, l2, self.epochs)
        stage = Evolve(GradientDescent(self.quench_rate), self.descent)
        return replace(quench, stages=(*quench.stages, stage), label=f"descent, l2 = {l2:g}")

    def hessian(self, l2: float) -> Point:
        """The point whose results are eigenvalues."""
        minimum = self.minimum(l2)
        return replace(minimum, stages=(*minimum.stages, Curvature(self.eigenvalues)), label=f"Hessian, l2 = {l2:g}")

    def pictures(self, run: Run[Any]) -> Pictures:
        """Weights, losses and distances; the ends of the Hessian's spectrum."""
        import numpy as np

        from glassnet.figures.minima import draw_spectrum

        ends = spectra({l2: run.results(self.hessian(l2)) for l2 in self.l2s}, self.eigenvalues)
        made: Pictures = {"minima": partial(_draw, run, self)}
        if np.isfinite(ends["smallest"].values).any():
            made["spectrum"] = partial(draw_spectrum, ends)
        return made

    def page(self, run: Run[Any]) -> dict[str, Any]:
        """At each l2 the distribution of weights, data losses, distances between minima and ends of the spectrum."""
        import numpy as np

        from glassnet.figures.minima import pair_distances

        done = {label for label, _ in run.done}
        groups = []
        for l2 in (l2 for l2 in self.l2s if self.minimum(l2).label in done):
            ensemble, results = run.ensemble(self.minimum(l2)), run.results(self.minimum(l2))
            kept = ensemble.weights[ensemble.alive].astype(np.float64)
            spread = float(np.abs(kept).max(initial=0.0))
            within = (-spread or -1.0, spread or 1.0)
            density, edges = np.histogram(kept, bins=_BINS, range=within, density=bool(kept.size))
            ends = spectra({l2: run.results(self.hessian(l2))}, self.eigenvalues)
            groups.append(
                {
                    "label": f"λ = {l2:g}",
                    "l2": l2,
                    "origins": ensemble.origin[ensemble.alive].tolist(),
                    "weights": {"at": ((edges[1:] + edges[:-1]) / 2).tolist(), "density": density.tolist()},
                    "losses": [results[int(origin)]["data_loss"] for origin in ensemble.origin[ensemble.alive]],
                    "distances": pair_distances(kept).tolist(),
                    "smallest": listed(ends["smallest"].values.ravel()),
                    "largest": listed(ends["largest"].values.ravel()),
                }
            )
        figures = ["weights", "minima_losses", "distances"] if groups else []
        if any(value is not None for group in groups for value in group["smallest"]):
            figures.append("spectrum")
        scripts = {"losses": SCRIPTS_LOSS, "distances": SCRIPTS_DISTANCE}
        return {"kind": "minima", "figures": figures, "groups": groups, "scripts": scripts}


def spectra(results: Mapping[float, Mapping[int, Mapping[str, float]]], n: int) -> xr.Dataset:
    """``smallest`` and ``largest`` eigenvalues, ``(l2, origin, rank)``, from what was evaluated at each l2.

    NaN where a unit is not done or Lanczos' method did not converge; ``residual`` bounds their error.
    """
    import numpy as np
    import xarray as xr

    origins = sorted({origin for found in results.values() for origin in found})
    shape = (len(results), len(origins), n)
    ends = {name: np.full(shape, np.nan) for name in ("smallest", "largest")}
    residual = np.full(shape[:2], np.nan)
    for i, found in enumerate(results.values()):
        for j, origin in enumerate(origins):
            one = found.get(origin, {})
            residual[i, j] = one.get("residual", np.nan)
            for name, values in ends.items():
                values[i, j] = [one.get(f"{name}_{k}", np.nan) for k in range(n)]
    dims = ("l2", "origin", "rank")
    variables: dict[str, Any] = {name: (dims, values) for name, values in ends.items()}
    return xr.Dataset(variables | {"residual": (dims[:2], residual)}, {"l2": list(results), "origin": origins})


def _draw(run: Run[Any], request: Minima) -> Figure:
    import numpy as np

    from glassnet.figures.minima import draw_minima

    ensembles = {l2: run.ensemble(request.minimum(l2)) for l2 in request.l2s}
    results = {l2: run.results(request.minimum(l2)) for l2 in request.l2s}
    data_loss = {l2: np.array([one["data_loss"] for one in found.values()]) for l2, found in results.items()}
    marks = {"loss": SCRIPTS_LOSS, "distance": SCRIPTS_DISTANCE} if request.dataset == "mnist" else {}
    return draw_minima(ensembles, data_loss, marks=marks)


_REPLICAS: Final = {"demo": 4, "laptop": 10, "workstation": 20, "paper": 50}
_BINS: Final = 81

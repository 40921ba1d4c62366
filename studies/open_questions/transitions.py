"""The places of the two transitions in a case: lambda* at one width, N* without regularisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import xarray as xr

import glassnet as gn
from glassnet.analysis import Transition, by_origin, transition
from studies.open_questions.cases import DEPTH, Case, Work, input_norm, minimum, no_return
from studies.results import Found

TRIVIAL: Final = 0.45
"""Above this data loss a network counts as collapsed: outputs near 0 give 1/2."""

ZERO: Final = 0.03
"""A data loss at or below this counts as zero: quenches of the study's length reach no smaller one."""

L2S: Final = tuple(float(f"{l2:.3g}") for l2 in np.geomspace(2e-3, 0.1, 31))
"""31 rungs 14 % apart: five quenches find a replica's bracket."""

WIDTHS: Final = (8, 10, 12, 14, 17, 20, 24, 30)
"""At 6000 rows N/P_D = 0.07 to 0.81."""


@dataclass(frozen=True)
class LambdaStar:
    """The l2 at which the data loss jumps to 1/2, by bisecting the same ladder of l2 for every replica apart.

    Bisection takes for granted that a replica crosses once; one that falls back beyond is not noticed.
    """

    symbol: ClassVar[str] = "lambda"
    n_samples: int = 6_000
    n_replicas: int = 4
    width: int = 30
    l2s: tuple[float, ...] = L2S

    def measure(self, case: Case) -> Found:
        """Every quench that was made."""
        start = case.initial(gn.Mlp(10, self.width, DEPTH), self.n_replicas)
        below = np.full(self.n_replicas, -1)
        above = np.full(self.n_replicas, len(self.l2s))
        probes: list[dict[str, Any]] = []
        while (open_ := above - below > 1).any():
            rung = (below + above) // 2
            l2 = tuple(self.l2s[r] for r in rung[open_])
            landscape = case.landscape(self.width, self.n_samples, l2)
            seen = _seen(minimum(start[open_], landscape, case), landscape)
            probes += [{"l2": value} | row for value, row in zip(l2, seen, strict=True)]
            # A network that diverged does not show its side; since small l2 makes divergence likelier, look further up.
            past = np.array([row["alive"] and row["data_loss"] > TRIVIAL for row in seen])
            above[open_] = np.where(past, rung[open_], above[open_])
            below[open_] = np.where(past, below[open_], rung[open_])
        return {"input_norm": input_norm(landscape.dataset), "probes": probes}

    def work(self, case: Case) -> list[Work]:
        n_rounds = int(np.ceil(np.log2(len(self.l2s) + 1)))
        return [Work(self.width, case.sgd(), self.n_replicas, n_rounds * case.n_steps)]


@dataclass(frozen=True)
class NStar:
    """The number of weights at which the data loss falls to zero, without regularisation."""

    symbol: ClassVar[str] = "n"
    n_samples: int = 6_000
    n_replicas: int = 4
    widths: tuple[int, ...] = WIDTHS

    def measure(self, case: Case) -> Found:
        """Every quench that was made."""
        probes: list[dict[str, Any]] = []
        for width in self.widths:
            landscape = case.landscape(width, self.n_samples, 0.0)
            done = minimum(case.initial(landscape.mlp("the study"), self.n_replicas), landscape, case)
            ratio = landscape.network.n_weights / self.n_samples
            probes += [{"width": width, "ratio": ratio} | row for row in _seen(done, landscape)]
        return {"probes": probes}

    def work(self, case: Case) -> list[Work]:
        return [Work(width, case.sgd(), self.n_replicas, case.n_steps) for width in self.widths]


def lambda_star(found: Found) -> Transition:
    """The transition of each replica, and between them."""
    return transition(_losses(found, "l2"), level=TRIVIAL, direction="rising")


def n_star(found: Found) -> Transition:
    """The same for N*/P_D."""
    return transition(_losses(found, "ratio"), level=ZERO, direction="falling")


def not_collapsed(found: Found) -> int:
    """Replicas whose data loss is 1/2 at the upper edge of their bracket though W is not bound for 0: not begun."""
    at = lambda_star(found).of_origin
    edges = set(zip(at["origin"].values.tolist(), at["upper"].values.tolist(), strict=True))
    return sum(
        (probe["origin"], probe["l2"]) in edges
        and probe["weight_norm2"] > no_return(probe["l2"], DEPTH + 1, found["input_norm"])
        for probe in found["probes"]
    )


def not_begun(found: Found) -> int:
    """Networks at l2 = 0 whose data loss is still about 1/2."""
    return sum(probe["alive"] and probe["data_loss"] > TRIVIAL for probe in found["probes"])


def lost(found: Found) -> int:
    """Networks that diverged."""
    return sum(not probe["alive"] for probe in found["probes"])


def _losses(found: Found, control: str) -> xr.DataArray:
    """Data losses by control and initial condition, NaN where a network diverged."""
    by_value: dict[float, list[dict[str, Any]]] = {}
    for probe in found["probes"]:
        by_value.setdefault(probe[control], []).append(probe)
    columns = {
        value: xr.DataArray(
            [probe["data_loss"] if probe["alive"] else np.nan for probe in probes],
            {"origin": ("replica", [probe["origin"] for probe in probes])},
            ("replica",),
        )
        for value, probes in by_value.items()
    }
    return by_origin(columns, control)


def _seen(networks: gn.Ensemble, landscape: gn.Landscape) -> list[dict[str, Any]]:
    """Origin, data loss, |W|^2 and survival of each network."""
    losses = gn.evaluate(networks, landscape)["data_loss"].values.tolist()
    norms = np.sum(networks.weights**2, axis=1).tolist()
    columns = zip(networks.origin.tolist(), losses, norms, networks.alive.tolist(), strict=True)
    return [
        {"origin": origin, "data_loss": loss, "weight_norm2": norm2, "alive": alive}
        for origin, loss, norm2, alive in columns
    ]

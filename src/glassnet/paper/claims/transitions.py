"""The two transitions: claims C1 and C2 (Figs. 1, A3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.analysis import Transition, transition
from glassnet.analysis.intervals import Floats
from glassnet.analysis.measured import Measured
from glassnet.analysis.transition import LOCATED, ONCE
from glassnet.paper.claims.claim import (
    EXPLAINED,
    NOT_DECIDED,
    NOT_REPRODUCED,
    REPRODUCED,
    Basis,
    Finding,
    shown,
)
from glassnet.paper.claims.commands import reproduce
from glassnet.paper.claims.evidence import Evidence, Losses
from glassnet.paper.numbers import LONG_EPOCHS

ZERO_LOSS: Final = (
    "At l2 = 0, N* is where half of the initial conditions reach zero loss (a data loss of 1e-6), after the longest "
    f"SGD of {LONG_EPOCHS} epochs or more: above the last size at which fewer do and below the first at which more do, "
    "with Wilson's intervals. Of several runs the one with the longest SGD speaks, of those the one with most initial "
    "conditions, then widths. Reproduced if N*/P_D lies within 0.13 to 0.23, and it depends on the initial condition: "
    "at one size or more some reach zero loss and some do not. Explained otherwise if after an SGD of at most half "
    "that length N* lies at a larger size: then it belongs to the length of training; not decided if N* is not known "
    "to lie within 0.13 to 0.23 there too. Not reproduced if it lies outside 0.13 to 0.23."
)

COLLAPSE: Final = (
    "lambda* is where the data loss rises through 0.45, W = 0 having 1/2. Reproduced if at the smallest width of 30 or "
    "more every initial condition jumps, in one step of lambda from a loss of at most 0.36 to one of 0.48 or more, the "
    "interval lies within 0.01 to 0.05, and lambda* of two widths trained for as long differ with disjoint intervals. "
    "Not reproduced if the interval excludes 0.01 to 0.05 or the widths agree within 10 %. Of several runs the one "
    "with more initial conditions speaks, of those with ten or more the longest SGD and of these the most lambda. The "
    "kink is said where an initial condition has a data loss of 0.30 to 0.35 before its transition."
)

_LEAST, _MOST = 0.13, 0.23
_ZERO: Final = 1e-6
_COLLAPSED: Final = 0.45
_ORDERED, _TRIVIAL = 0.36, 0.48
_LEAST_WIDTH: Final = 30
_ORIGINS: Final = 10
"""Initial conditions of the paper's phase diagram."""

_WIDE, _MANY = 90, 20
_WIDTHS: Final = (
    "glassnet run phase_diagram --part width --scale laptop "
    f"--set 'widths=[36, 39, 42, 45, 48, 54, 72, {_WIDE}]' --set replicas={_MANY}"
)
"""Widths that reach zero loss in LONG_EPOCHS, with enough replicas to tell three quarters from a half."""

_TWO_WIDTHS: Final = "glassnet run phase_diagram --part plane --scale laptop --set 'widths=[30, 60]' --set replicas=20"
"""Few widths with many initial conditions, whose lambda* spreads by a third."""

_AtWidth = tuple[int, Measured]


def zero_loss(evidence: Evidence, dataset: str = "mnist") -> Finding:
    """Claim C1: N*."""
    lines = [
        one
        for one in evidence.losses
        if one.table.attrs["dataset"] == dataset and 0.0 in one.table["l2"] and one.table.sizes["width"] > 2
    ]
    if not lines:
        return Finding(NOT_DECIDED, f"no widths at l2 = 0 of {dataset}", decides=_to_zero(dataset))
    line = max(lines, key=_length_and_size)
    lengths = sorted(line.table["epochs"].values.tolist())
    at = {length: _of_width(line, length) for length in lengths}
    longest = at[lengths[-1]]
    mixed = bool(((longest.share["past"] > 0) & (longest.share["past"] < 1)).any())
    text = f"after {lengths[-1]} epochs N*/P_D = {shown(longest.half)}{_shares(longest)}"
    unclear = Finding(NOT_DECIDED, text, (line.basis,), longest.half, _to_zero(dataset, line))
    located = np.isfinite(longest.half.value)
    if dataset != "mnist":
        return Finding(REPRODUCED, text, (line.basis,), longest.half) if located and mixed else unclear
    shorter = [length for length in lengths if length <= lengths[-1] / 2]
    if lengths[-1] < LONG_EPOCHS or not shorter:
        return unclear
    if longest.half.low > _MOST or longest.half.high < _LEAST:
        return Finding(NOT_REPRODUCED, text, (line.basis,), longest.half)
    if not located:
        return unclear
    before = at[shorter[-1]]
    text += f"; after {shorter[-1]} {shown(before.half)}"
    if before.half.low >= longest.half.high:
        return Finding(EXPLAINED, f"{text}: N* is that of a length of training", (line.basis,), longest.half)
    if not before.half.within(_LEAST, _MOST):
        return replace(unclear, found=f"{text}: N* may be that of a length of training")
    if longest.half.within(_LEAST, _MOST) and mixed:
        return Finding(REPRODUCED, text, (line.basis,), longest.half)
    return replace(unclear, found=text)


def _length_and_size(losses: Losses) -> tuple[int, int, int]:
    """Which of several runs speaks: longer SGD, more initial conditions, more widths."""
    sizes = losses.table.sizes
    return int(losses.table["epochs"].max()), sizes["origin"], sizes["width"]


def _to_zero(dataset: str, line: Losses | None = None) -> str:
    """The command of widths that reach to both sides of N*, given those there are."""
    if dataset != "mnist":
        return reproduce("figA3", "laptop" if line is None else "workstation")
    few = line is None or int(line.table["width"].max()) < _WIDE or line.table.sizes["origin"] < _MANY
    return _WIDTHS if few else reproduce("fig1b", "workstation")


def _of_width(losses: Losses, epochs: int) -> Transition:
    table = losses.table.sel(epochs=epochs, l2=0.0)
    loss = table["data_loss"].where(table["alive"] == 1)
    return transition(_by_replica(loss, "ratio", table["ratio"].values), level=_ZERO, direction="falling")


def _by_replica(loss: xr.DataArray, control: str, values: Floats) -> xr.DataArray:
    """``(origin, other)`` as ``(replica, control)``, a row an initial condition."""
    coords = {control: values, "origin": ("replica", loss["origin"].values)}
    return xr.DataArray(loss.transpose("origin", ...).values, coords, ("replica", control))


def _shares(found: Transition) -> str:
    share = found.share
    control = str(next(iter(share.dims)))
    parts = [f"{float(s):.2g} at {float(x):.2g}" for s, x in zip(share["past"], share[control], strict=True)]
    return f" (share past: {', '.join(parts)})"


def collapse(evidence: Evidence, dataset: str = "mnist") -> Finding:
    """Claim C2: lambda*."""
    figure = "fig1c" if dataset == "mnist" else "figA3"
    plane = "" if dataset != "mnist" else f" && {_TWO_WIDTHS}"
    found: dict[int, tuple[Transition, Losses]] = {}
    for losses in sorted(evidence.losses, key=_weight):
        if losses.table.attrs["dataset"] == dataset and losses.table.sizes["l2"] > 3:
            widths = [int(width) for width in losses.table["width"].values if width >= _LEAST_WIDTH]
            found |= {width: (_of_l2(losses, width), losses) for width in widths}
    if not found:
        return Finding(
            NOT_DECIDED, f"no lambdas of {dataset} at a width of 30 or more", decides=reproduce(figure) + plane
        )
    width = min(found)
    first, losses = found[width]
    text = f"width {width}: {first.outcome}, lambda* = {shown(first.location)}, spread of log {shown(first.spread)}"
    jumps = float(_jumps(first).mean())
    text += f", {jumps:.0%} jump, {_kink(first, losses, width)} seen in a state of loss 0.30 to 0.35 before"
    star = first.location
    unclear = Finding(NOT_DECIDED, text, (losses.basis,), star, reproduce(figure, "workstation") + plane)
    if star.low > 0.05 or star.high < 0.01:
        return replace(unclear, verdict=NOT_REPRODUCED)
    sharp = jumps == 1.0 and first.outcome == LOCATED and star.within(0.01, 0.05)
    if dataset != "mnist":
        return replace(unclear, verdict=REPRODUCED) if sharp else unclear
    if (two := _two_widths(evidence, dataset)) is None:
        return replace(unclear, found=f"{text}; no transition at two widths trained for as long")
    (narrow, wide), basis = two
    bases = tuple(dict.fromkeys((losses.basis, basis)))
    text += f"; in one run {', '.join(f'width {one} {shown(each)}' for one, each in (narrow, wide))}"
    if sharp and (wide[1].low > narrow[1].high or wide[1].high < narrow[1].low):
        return Finding(REPRODUCED, text, bases, star)
    if _within_tenth(narrow[1], wide[1]) and _within_tenth(wide[1], narrow[1]):
        return Finding(NOT_REPRODUCED, text, bases, star)
    return replace(unclear, found=text, bases=bases)


def _weight(losses: Losses) -> tuple[int, int, int]:
    """Which of two runs speaks for a width: more initial conditions up to the paper's, then longer SGD, finer l2."""
    sizes = losses.table.sizes
    return min(sizes["origin"], _ORIGINS), int(losses.table["epochs"].max()), sizes["l2"]


def _jumps(found: Transition) -> NDArray[np.bool_]:
    """Which initial conditions go from an ordered minimum to W = 0 in one step."""
    one = found.of_origin
    values = (one["outcome"] == ONCE) & (one["loss_before"] <= _ORDERED) & (one["loss_after"] >= _TRIVIAL)
    return np.asarray(values.values)


def _two_widths(evidence: Evidence, dataset: str) -> tuple[tuple[_AtWidth, _AtWidth], Basis] | None:
    """lambda* of the narrowest and the widest network of a run that has both."""
    for losses in sorted(evidence.losses, key=_weight, reverse=True):
        table = losses.table
        if table.attrs["dataset"] != dataset or table.sizes["l2"] < 4:
            continue
        widths = [int(width) for width in table["width"].values if width >= _LEAST_WIDTH]
        located = [(width, one) for width in widths if (one := _of_l2(losses, width)).outcome == LOCATED]
        if located and located[-1][0] > 1.5 * located[0][0]:
            narrow, wide = ((width, one.location) for width, one in (located[0], located[-1]))
            return (narrow, wide), losses.basis
    return None


def _within_tenth(one: Measured, other: Measured) -> bool:
    return one.within(other.value / 1.1, other.value * 1.1)


def _of_l2(losses: Losses, width: int) -> Transition:
    return transition(_line(losses, width), level=_COLLAPSED, direction="rising")


def _line(losses: Losses, width: int) -> xr.DataArray:
    table = losses.table.isel(epochs=-1).sel(width=width)
    loss = table["data_loss"].where(table["alive"] == 1).isel(l2=np.flatnonzero(table["l2"].values > 0))
    return _by_replica(loss, "l2", loss["l2"].values)


def _kink(found: Transition, losses: Losses, width: int) -> int:
    """How many initial conditions are seen in the long-lived state of high loss before they collapse."""
    loss = _line(losses, width)
    before = loss["l2"] <= found.of_origin["lower"]
    return int(((loss > 0.30) & (loss < 0.35) & before).any("l2").sum())

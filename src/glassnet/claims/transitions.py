"""The two transitions: claims C1 and C2 (Figs. 1, A3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import Transition, transition
from glassnet.analysis.intervals import Floats
from glassnet.analysis.measured import Measured
from glassnet.analysis.transition import LOCATED, NONE, ONCE
from glassnet.claims.claim import EXPLAINED, NOT_DECIDED, NOT_REPRODUCED, REPRODUCED, Finding, shown
from glassnet.claims.commands import reproduce
from glassnet.claims.evidence import Evidence, Losses

ZERO_LOSS: Final = (
    "At l2 = 0, N* is where the data loss falls through 1e-6, after the longest SGD of 17000 epochs or more. "
    "Reproduced if every initial condition crosses, N*/P_D is 0.18 within 0.05 and its spread between initial "
    "conditions is above 0, with intervals, and so is N* after an SGD of at most half that length. Explained otherwise "
    "if after that no network, or one at another size, is at zero loss: then N* belongs to the length of training. Not "
    "reproduced if the interval excludes 0.13 to 0.23."
)

COLLAPSE: Final = (
    "lambda* is where the data loss rises through 0.45, W = 0 having 1/2. Reproduced if at the smallest width of 30 or "
    "more every initial condition crosses once, in one step of lambda, the interval lies within 0.01 to 0.05, and "
    "lambda* of two widths differ with disjoint intervals. Not reproduced if the interval excludes 0.01 to 0.05 or the "
    "widths agree within 10 %. The kink is said where an initial condition has a data loss of 0.30 to "
    "0.35 beside the transition."
)

_ZERO: Final = 1e-6
_COLLAPSED: Final = 0.45
_LONG: Final = 17_000
_LEAST_WIDTH: Final = 30


def zero_loss(evidence: Evidence, dataset: str = "mnist") -> Finding:
    """Claim C1: N*."""
    figure = "fig1b" if dataset == "mnist" else "figA3"
    lines = [
        one
        for one in evidence.losses
        if one.table.attrs["dataset"] == dataset and 0.0 in one.table["l2"] and one.table.sizes["width"] > 2
    ]
    if not lines:
        return Finding(NOT_DECIDED, f"no widths at l2 = 0 of {dataset}", decides=reproduce(figure))
    line = max(lines, key=lambda one: (int(one.table["epochs"].max()), one.table.sizes["origin"]))
    lengths = sorted(line.table["epochs"].values.tolist())
    at = {length: _of_width(line, length) for length in lengths}
    longest = at[lengths[-1]]
    text = f"after {lengths[-1]} epochs {longest.outcome}, N*/P_D = {shown(longest.location)}"
    if longest.outcome != LOCATED:
        text += _shares(longest)
    unclear = Finding(NOT_DECIDED, text, (line.basis,), longest.location, reproduce(figure, "workstation"))
    shorter = [length for length in lengths if length <= lengths[-1] / 2]
    if lengths[-1] < _LONG or not shorter:
        return unclear
    least, most = (0.13, 0.23) if dataset == "mnist" else (0.0, np.inf)
    if longest.location.low > most or longest.location.high < least:
        return Finding(NOT_REPRODUCED, text, (line.basis,), longest.location)
    if longest.outcome == NONE:
        return unclear
    before = at[shorter[-1]]
    text += f"; after {shorter[-1]} {before.outcome}, {shown(before.location)}"
    apart = before.location.low > longest.location.high or before.outcome == NONE
    if apart:
        return Finding(EXPLAINED, f"{text}: N* is that of a length of training", (line.basis,), longest.location)
    spread = longest.spread
    text += f"; spread of log N* {shown(spread)}"
    if longest.outcome == LOCATED and longest.location.within(least, most) and spread.low > 0.0:
        return Finding(REPRODUCED, text, (line.basis,), longest.location)
    return replace(unclear, found=text)


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
    plane = "" if dataset != "mnist" else f" && {reproduce('fig1a')}"
    found: dict[int, tuple[Transition, Losses]] = {}
    # The finest line of a width speaks for it.
    for losses in sorted(evidence.losses, key=lambda one: one.table.sizes["l2"]):
        if losses.table.attrs["dataset"] == dataset and losses.table.sizes["l2"] > 3:
            widths = [int(width) for width in losses.table["width"].values if width >= _LEAST_WIDTH]
            found |= {width: (_of_l2(losses, width), losses) for width in widths}
    if not found:
        return Finding(
            NOT_DECIDED, f"no lambdas of {dataset} at a width of 30 or more", decides=reproduce(figure) + plane
        )
    width = min(found)
    first, losses = found[width]
    bases = tuple(dict.fromkeys(one.basis for _, one in found.values()))
    text = f"width {width}: {first.outcome}, lambda* = {shown(first.location)}, spread of log {shown(first.spread)}"
    crosses = first.of_origin["outcome"].values
    once = float(np.mean(crosses == ONCE))
    kink = _kink(losses, width)
    text += f", {once:.0%} cross once, {kink} seen in a state of loss 0.30 to 0.35"
    star = first.location
    unclear = Finding(NOT_DECIDED, text, bases, star, reproduce(figure, "workstation") + plane)
    if star.low > 0.05 or star.high < 0.01:
        return Finding(NOT_REPRODUCED, text, bases, star)
    sharp = once == 1.0 and first.outcome == LOCATED and star.within(0.01, 0.05)
    if dataset != "mnist":
        return Finding(REPRODUCED, text, bases, star) if sharp else unclear
    others = {one: each for one, (each, _) in found.items() if one > 1.5 * width and each.outcome == LOCATED}
    if not others:
        return replace(unclear, found=f"{text}; no transition of a wider network")
    other = max(others)
    wide = others[other].location
    text += f"; width {other}: {shown(wide)}"
    if sharp and (wide.low > star.high or wide.high < star.low):
        return Finding(REPRODUCED, text, bases, star)
    if _within_tenth(star, wide) and _within_tenth(wide, star):
        return Finding(NOT_REPRODUCED, text, bases, star)
    return replace(unclear, found=text)


def _within_tenth(one: Measured, other: Measured) -> bool:
    return one.within(other.value / 1.1, other.value * 1.1)


def _of_l2(losses: Losses, width: int) -> Transition:
    return transition(_line(losses, width), level=_COLLAPSED, direction="rising")


def _line(losses: Losses, width: int) -> xr.DataArray:
    table = losses.table.isel(epochs=-1).sel(width=width)
    loss = table["data_loss"].where(table["alive"] == 1).isel(l2=np.flatnonzero(table["l2"].values > 0))
    return _by_replica(loss, "l2", loss["l2"].values)


def _kink(losses: Losses, width: int) -> int:
    """How many initial conditions are seen in the long-lived state of high loss."""
    loss = _line(losses, width)
    return int(((loss > 0.30) & (loss < 0.35)).any("l2").sum())

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
from glassnet.paper.claims.claim import NO_NULL, Basis, Finding, Null, Reading, inside, shown
from glassnet.paper.claims.commands import reproduce
from glassnet.paper.claims.evidence import Evidence, Losses

_LEAST, _MOST = 0.13, 0.23
LOWEST, HIGHEST = 0.01, 0.05
_ZERO: Final = 1e-6
_COLLAPSED: Final = 0.45
_ORDERED, _TRIVIAL = 0.36, 0.48
_KINK: Final = (0.30, 0.35)
_LONG: Final = 17_000
_LEAST_WIDTH: Final = 30
_ALIKE: Final = 1.1
_ORIGINS: Final = 10
"""Initial conditions of the paper's phase diagram."""

ZERO_LOSS: Final = (
    f"At l2 = 0, N* is where half of the initial conditions reach zero loss (a data loss of {_ZERO:g}), after the "
    f"longest SGD of {_LONG} epochs or more: above the last size at which fewer do and below the first at which more "
    "do, with Wilson's intervals. Of several runs the one with the longest SGD speaks, of those the one with most "
    f"initial conditions, then widths. Seen if N*/P_D lies within {_LEAST:g} to {_MOST:g}, and it depends on the "
    "initial condition: at one size or more some reach zero loss and some do not. Not seen if it lies outside. The "
    "null is the length of training, its number N*/P_D after an SGD of at most half that length: explained if that "
    "lies at a larger size, stands if it lies within the same limits, else untested."
)

COLLAPSE: Final = (
    f"lambda_jump, the paper's lambda*, is where the data loss rises through {_COLLAPSED:g}, W = 0 having 1/2. Seen if "
    f"at the smallest width of {_LEAST_WIDTH} or more every initial condition jumps, in one step of lambda from a loss "
    f"of at most {_ORDERED:g} to one of {_TRIVIAL:g} or more, the interval lies within {LOWEST:g} to {HIGHEST:g}, and "
    "lambda_jump of two widths trained for as long differ with disjoint intervals. Not seen if the interval excludes "
    f"{LOWEST:g} to {HIGHEST:g} or the widths agree within a factor {_ALIKE:g}. Of several runs the one with more "
    f"initial conditions speaks, of those with {_ORIGINS} or more the longest SGD and of these the most lambda. The "
    f"kink is said where an initial condition has a data loss of {_KINK[0]:g} to {_KINK[1]:g} before its transition. "
    "The reading is that the landscape becomes trivial there: that is lambda_unique, from which on networks carried up "
    "in l2 all end in one state. It stands if the two intervals meet, is explained as a jump of this initialisation if "
    "lambda_unique lies above, and is untested without sweeps. W = 0 is a minimum at every l2 > 0: that SGD falls into "
    "it makes nothing trivial. lambda_c (where that state's loss passes that of W = 0) and lambda_end (where it "
    "vanishes) are said beside."
)

SWEEPS: Final = ("lambda_unique", "lambda_c", "lambda_end")
_SWEEP: Final = "glassnet run hysteresis --scale laptop"

_WIDE, _MANY = 90, 20
_WIDTHS: Final = (
    "glassnet run phase_diagram --part width --scale laptop "
    f"--set 'widths=[36, 39, 42, 45, 48, 54, 72, {_WIDE}]' --set replicas={_MANY}"
)
"""Wide enough to reach zero loss in 17000 epochs, and enough of them to tell three quarters from a half."""

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
        return Finding("undecided", f"no widths at l2 = 0 of {dataset}", decides=_to_zero(dataset))
    line = max(lines, key=_length_and_size)
    lengths = sorted(line.table["epochs"].values.tolist())
    at = {length: _of_width(line, length) for length in lengths}
    longest = at[lengths[-1]]
    mixed = bool(((longest.share["past"] > 0) & (longest.share["past"] < 1)).any())
    text = f"after {lengths[-1]} epochs N*/P_D = {shown(longest.half)}{_shares(longest)}"
    found = Finding("undecided", text, (line.basis,), longest.half, _to_zero(dataset, line))
    if dataset != "mnist":
        return replace(found, seen="yes") if np.isfinite(longest.half.value) and mixed else found
    shorter = [length for length in lengths if length <= lengths[-1] / 2]
    if lengths[-1] < _LONG or not shorter:
        return found
    before = at[shorter[-1]].half
    reading: Reading = "stands" if before.within(_LEAST, _MOST) else "untested"
    if before.low >= longest.half.high:
        reading = "explained"
    null = Null("the length of training", before.value, reading, f"after {shorter[-1]} epochs {shown(before)}")
    seen = inside(longest.half, _LEAST, _MOST)
    return replace(found, seen="undecided" if seen == "yes" and not mixed else seen, null=null)


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
            "undecided", f"no lambdas of {dataset} at a width of 30 or more", decides=reproduce(figure) + plane
        )
    width = min(found)
    first, losses = found[width]
    text = f"width {width}: {first.outcome}, lambda* = {shown(first.location)}, spread of log {shown(first.spread)}"
    jumps = float(_jumps(first).mean())
    text += (
        f", {jumps:.0%} jump, {_kink(first, losses, width)} seen in a state of loss {_KINK[0]:g} to {_KINK[1]:g} before"
    )
    star = first.location
    null = _uniqueness(evidence, star)
    whole_of_one = Finding("undecided", text, (losses.basis,), star, reproduce(figure, "workstation") + plane, null)
    if inside(star, LOWEST, HIGHEST) == "no":
        return replace(whole_of_one, seen="no")
    sharp = jumps == 1.0 and first.outcome == LOCATED and inside(star, LOWEST, HIGHEST) == "yes"
    if dataset != "mnist":
        return replace(whole_of_one, seen="yes" if sharp else "undecided", null=NO_NULL)
    if (two := _two_widths(evidence, dataset)) is None:
        return replace(whole_of_one, found=f"{text}; no transition at two widths trained for as long")
    (narrow, wide), basis = two
    text += f"; in one run {', '.join(f'width {one} {shown(each)}' for one, each in (narrow, wide))}"
    swept = [evidence.sweeps[name][1] for name in SWEEPS if name in evidence.sweeps]
    whole = replace(whole_of_one, found=text, bases=tuple(dict.fromkeys((losses.basis, basis, *swept))))
    if sharp and (wide[1].low > narrow[1].high or wide[1].high < narrow[1].low):
        return replace(whole, seen="yes", decides=_SWEEP)
    alike = _within_tenth(narrow[1], wide[1]) and _within_tenth(wide[1], narrow[1])
    return replace(whole, seen="no" if alike else "undecided")


def _uniqueness(evidence: Evidence, jump: Measured) -> Null:
    """Where all networks end in one state, beside where this initialisation jumps."""
    name = "a jump of this initialisation, beside lambda_unique"
    known = [f"{one} {shown(evidence.sweeps[one][0])}" for one in SWEEPS if one in evidence.sweeps]
    text = f"{', '.join(known) or 'no sweeps in l2'}"
    if SWEEPS[0] not in evidence.sweeps:
        return Null(name, found=text)
    unique = evidence.sweeps[SWEEPS[0]][0]
    met = unique.low <= jump.high and jump.low <= unique.high
    reading: Reading = "stands" if met else "explained" if unique.low > jump.high else "untested"
    return Null(name, unique.value, reading, text)


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
    return one.within(other.value / _ALIKE, other.value * _ALIKE)


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
    return int(((loss > _KINK[0]) & (loss < _KINK[1]) & before).any("l2").sum())

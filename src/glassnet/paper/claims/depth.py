"""Claims on networks at zero loss, by how deep the quench went: a verdict for each depth that was run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from glassnet.paper.claims.claim import Finding
from glassnet.paper.claims.commands import relaxation
from glassnet.paper.claims.evidence import Evidence, missing
from glassnet.paper.claims.relaxed import Relaxed

SHALLOWEST, DEEPEST = 1e-5, 1e-9
"""Data losses, the largest of a replica when the measurement begins: more is no plateau, less counts as the latter."""

_APART: Final = 10.0
_PHASE: Final = "overparameterised"

BY_DEPTH: Final = (
    "Overparameterised the verdict may turn with the depth of the quench, which is the largest data loss left: each "
    f"run from {SHALLOWEST:g} to {DEEPEST:g} is judged, the deepest speaks, and nothing is decided before two depths "
    f"a factor {_APART:g} apart were run"
)


def by_depth(evidence: Evidence, judge: Callable[[Relaxed], Finding], scale: str = "laptop") -> Finding:
    """The finding of a rule at each depth of the overparameterised phase of MNIST."""
    one = evidence.relaxed(_PHASE)
    if one is None:
        return missing(_PHASE, scale=scale)
    runs = sorted({run.command: run for run in (*evidence.depths, one)}.values(), key=_depth)
    plateau = [run for run in runs if run.loss_left <= SHALLOWEST]
    found = [judge(run) for run in plateau or [one]]
    text = "; ".join(
        f"left {run.loss_left:.2g}: {each.seen}, {each.found}"
        for run, each in zip(plateau or [one], found, strict=True)
    )
    deepest = replace(found[0], found=text, bases=tuple(basis for each in found for basis in each.bases))
    if plateau and _depth(plateau[-1]) >= _APART * _depth(plateau[0]):
        return deepest
    null = replace(deepest.null, reading="untested")
    return replace(deepest, seen="undecided", found=f"{text}; one depth only", decides=_other(plateau), null=null)


def _depth(run: Relaxed) -> float:
    return max(run.loss_left, DEEPEST)


def _other(plateau: Sequence[Relaxed]) -> str:
    """The command of a quench that ends elsewhere: shallower beside a deep one, else that of the scale."""
    deep = bool(plateau) and _depth(plateau[0]) <= SHALLOWEST / _APART
    return f"{relaxation(_PHASE)} --set stop_loss={SHALLOWEST if deep else DEEPEST:g}"

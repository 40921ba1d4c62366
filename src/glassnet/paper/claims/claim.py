"""A claim of the paper as it is judged: a number with its interval, the runs behind it, and a verdict by a rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import xarray as xr

from glassnet.analysis.measured import Measured, unknown

Verdict = Literal["reproduced", "not reproduced", "explained otherwise", "not decided"]

REPRODUCED: Final = "reproduced"
NOT_REPRODUCED: Final = "not reproduced"
EXPLAINED: Final = "explained otherwise"
NOT_DECIDED: Final = "not decided"


UNKNOWN: Final = unknown()


@dataclass(frozen=True)
class Basis:
    """A run that a finding rests on.

    Args:
        scale: the scale whose numbers the run has, else "custom".
        n_replicas: initial conditions.
        n_lost: those of them of which any trajectory diverged.
        command: what made it.
    """

    scale: str
    n_replicas: int
    n_lost: int
    command: str


@dataclass(frozen=True)
class Finding:
    """The result of a rule on the evidence.

    Args:
        verdict: by the rule.
        found: the numbers that decided, what explains the claim, or what lacks.
        bases: the runs it rests on.
        measured: the claim's number.
        decides: where nothing is decided, the command that would.
    """

    verdict: Verdict
    found: str
    bases: tuple[Basis, ...] = ()
    measured: Measured = UNKNOWN
    decides: str = ""


@dataclass(frozen=True)
class Claim:
    """A row of the table.

    Args:
        id: "C1" to "C22".
        value: the measured number, None where there is none.
        low: lower end of its 95 % interval.
        high: upper end.
        scale: of the runs behind it, "none" without any.
        n_replicas: initial conditions behind it, added over its runs: those of one width and seed are the same.
        n_lost: those of them of which a trajectory diverged.
        verdict: "reproduced", "not reproduced", "explained otherwise" or "not decided".
        rule: how the verdict is reached, and what was found.
        command: what made the runs, or would decide.
    """

    id: str
    value: float | None
    low: float | None
    high: float | None
    scale: str
    n_replicas: int
    n_lost: int
    verdict: Verdict
    rule: str
    command: str

    @classmethod
    def of(cls, name: str, rule: str, finding: Finding) -> Claim:
        """The row of a claim whose rule found this."""
        bases = tuple(dict.fromkeys(finding.bases))
        made = " && ".join(dict.fromkeys(basis.command for basis in bases))
        return cls(
            id=name,
            value=_number(finding.measured.value),
            low=_number(finding.measured.low),
            high=_number(finding.measured.high),
            scale=", ".join(dict.fromkeys(basis.scale for basis in bases)) or "none",
            n_replicas=sum(basis.n_replicas for basis in bases),
            n_lost=sum(basis.n_lost for basis in bases),
            verdict=finding.verdict,
            rule=f"{rule} Found: {finding.found}.",
            command=finding.decides if finding.verdict == NOT_DECIDED else made,
        )

    def to_json(self) -> dict[str, Any]:
        """The row as plain values."""
        return asdict(self)


def together(findings: Sequence[tuple[str, Finding]], measured: Measured | None = None) -> Finding:
    """One finding of a claim that is about several phases, given with their names.

    It fails where it fails in one; a null that is not excluded in one, or what is not decided in one, keeps the whole
    from being reproduced. The number is the first one's unless it is given.
    """
    commands = [finding.decides for _, finding in findings if finding.verdict == NOT_DECIDED]
    return Finding(
        worst([finding.verdict for _, finding in findings]),
        "; ".join(f"{name}: {finding.found}" for name, finding in findings),
        tuple(basis for _, finding in findings for basis in finding.bases),
        measured or findings[0][1].measured,
        " && ".join(dict.fromkeys(commands)),
    )


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on several findings together: "reproduced" if each of them is."""
    ordered: tuple[Verdict, ...] = (NOT_REPRODUCED, EXPLAINED, NOT_DECIDED, REPRODUCED)
    return next(one for one in ordered if one in verdicts)


def measured_in(table: xr.Dataset, name: str) -> Measured:
    """A number and its interval from the result of a single condition."""
    n = int(table["n_origins"].item()) if "n_origins" in table else 0
    value, low, high = (float(table[part].item()) for part in (name, f"{name}_low", f"{name}_high"))
    return Measured(value, low, high, n)


def shown(measured: Measured, digits: int = 3) -> str:
    """A number with its interval, as text."""
    value = "unknown" if math.isnan(measured.value) else f"{measured.value:.{digits}g}"
    if math.isnan(measured.low) and math.isnan(measured.high):
        return value
    return f"{value} [{measured.low:.{digits}g}, {measured.high:.{digits}g}]"


def listed(values: Iterable[float]) -> str:
    """Numbers as text."""
    return ", ".join(f"{value:g}" for value in values) or "none"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

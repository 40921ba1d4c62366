"""A judged claim of the paper: whether it is seen, and whether a simpler cause gives the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import xarray as xr

from glassnet.analysis.measured import Measured, unknown

Seen = Literal["yes", "no", "undecided"]
Reading = Literal["stands", "explained", "untested"]


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
class Null:
    """The number of a cause simpler than the paper's, and the verdict on the paper's reading.

    Args:
        name: the cause, in words.
        value: its number, to be compared with the claim's; NaN if there is none.
        reading: "explained" if it gives what is measured, "stands" if it does not, else "untested".
        found: the comparison, as text.
    """

    name: str = ""
    value: float = math.nan
    reading: Reading = "untested"
    found: str = ""


NO_NULL: Final = Null()


@dataclass(frozen=True)
class Finding:
    """The result of a rule on the evidence.

    Args:
        seen: whether the data are as the claim says.
        found: the numbers that decided, or what lacks.
        bases: the runs it rests on.
        measured: the claim's number.
        decides: where something is open, the command that would decide it.
        null: the simpler cause, and the verdict on the reading.
    """

    seen: Seen
    found: str
    bases: tuple[Basis, ...] = ()
    measured: Measured = UNKNOWN
    decides: str = ""
    null: Null = NO_NULL

    @property
    def open(self) -> bool:
        """Whether a verdict is lacking that a run could give."""
        return self.seen == "undecided" or (
            self.seen == "yes" and self.null.reading == "untested" and bool(self.null.name)
        )


@dataclass(frozen=True)
class Claim:
    """A row of the table.

    Args:
        id: "C1" to "C22".
        sentence: what the paper says, in our words.
        paper: the paper's number, as text; empty where it gives none.
        value: the measured number, None where there is none.
        low: lower end of its 95 % interval.
        high: upper end.
        unit: of the three.
        seen: whether the data are so: "yes", "no" or "undecided".
        null: a simpler cause that may give the same, empty if none is known.
        null_value: the number that it gives, None if there is none.
        reading: what is left of the paper's explanation: it "stands" against the null, the data are "explained" by the
            null, or "untested".
        scale: of the runs behind it, "none" without any.
        n_replicas: initial conditions behind it, added over its runs: those of one width and seed are the same.
        n_lost: those of them of which a trajectory diverged.
        rule: how the verdicts are reached, and what was found.
        command: what made the runs, or would decide.
    """

    id: str
    sentence: str
    paper: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    seen: Seen
    null: str
    null_value: float | None
    reading: Reading
    scale: str
    n_replicas: int
    n_lost: int
    rule: str
    command: str

    @classmethod
    def of(cls, name: str, sentence: str, paper: str, unit: str, rule: str, finding: Finding) -> Claim:
        """The row of a claim whose rule found this."""
        bases, null = tuple(dict.fromkeys(finding.bases)), finding.null
        made = " && ".join(dict.fromkeys(basis.command for basis in bases))
        return cls(
            id=name,
            sentence=sentence,
            paper=paper,
            value=_number(finding.measured.value),
            low=_number(finding.measured.low),
            high=_number(finding.measured.high),
            unit=unit,
            seen=finding.seen,
            null=null.name,
            null_value=_number(null.value),
            reading=null.reading,
            scale=", ".join(dict.fromkeys(basis.scale for basis in bases)) or "none",
            n_replicas=sum(basis.n_replicas for basis in bases),
            n_lost=sum(basis.n_lost for basis in bases),
            rule=f"{rule} Found: {finding.found}." + (f" Null: {null.found}." if null.found else ""),
            command=finding.decides if finding.open and finding.decides else made,
        )

    def to_json(self) -> dict[str, Any]:
        """The row as plain values."""
        return asdict(self)


def together(findings: Sequence[tuple[str, Finding]], measured: Measured | None = None) -> Finding:
    """One finding of a claim that is about several phases, given with their names.

    It is not seen where it is not in one, and explained where its null explains one; a phase whose data need no null
    is left out of that. The numbers are the first one's
    unless one is given.
    """
    nulls = [(name, finding.null) for name, finding in findings if finding.null.name]
    first = nulls[0][1] if nulls else NO_NULL
    readings = [one.null.reading for _, one in findings if one.null.name or one.seen == "undecided"]
    return Finding(
        all_seen([finding.seen for _, finding in findings]),
        "; ".join(f"{name}: {finding.found}" for name, finding in findings),
        tuple(basis for _, finding in findings for basis in finding.bases),
        measured or findings[0][1].measured,
        " && ".join(dict.fromkeys(finding.decides for _, finding in findings if finding.open)),
        Null(
            first.name,
            first.value,
            all_read(readings),
            "; ".join(f"{a}: {b.found}" for a, b in nulls if b.found),
        ),
    )


def all_seen(several: Iterable[Seen]) -> Seen:
    """Whether all is seen, of which each must be for the whole to be."""
    given, ordered = set(several), ("no", "undecided")
    return next((one for one in ordered if one in given), "yes")


def all_read(several: Iterable[Reading]) -> Reading:
    """The verdict on a reading from several; "untested" without any."""
    given = set(several)
    return next((one for one in ("explained", "untested", "stands") if one in given), "untested")


def inside(found: Measured, low: float, high: float) -> Seen:
    """Whether a number lies between two others, with its interval."""
    if found.within(low, high):
        return "yes"
    return "no" if found.low > high or found.high < low else "undecided"


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

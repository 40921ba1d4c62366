"""The table of claims as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from glassnet._html import escape
from glassnet.paper.claims import Claim
from glassnet.paper.claims.claim import EXPLAINED, NOT_DECIDED, NOT_REPRODUCED, REPRODUCED
from glassnet.paper.claims.table import HEADS, cells

_LOOKS: Final = {
    REPRODUCED: ("yes", "✓"),
    NOT_REPRODUCED: ("no", "✗"),
    EXPLAINED: ("otherwise", "≈"),
    NOT_DECIDED: ("open", "?"),
}
"""Class and sign of each verdict: colour alone never says it."""


def claims_table(judged: Sequence[Claim]) -> str:
    """The filters and the table; every row opens to its rule and its command."""
    counts = {verdict: sum(claim.verdict == verdict for claim in judged) for verdict in _LOOKS}
    boxes = "".join(
        f'<label class="chip verdict-{look}"><input type="checkbox" name="verdict" value="{escape(verdict)}" checked> '
        f"{sign} {escape(verdict)} ({counts[verdict]})</label>"
        for verdict, (look, sign) in _LOOKS.items()
    )
    # The verdict stands beside the claim, where narrow screens show it too.
    order = (*HEADS[:2], HEADS[-1], *HEADS[2:-1])
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{escape(head)}</button></th>' for head in order
    )
    rows = "".join(_row(position, claim) for position, claim in enumerate(judged))
    return (
        f'<div class="filters"><fieldset><legend>Verdicts shown</legend>{boxes}</fieldset>'
        '<label>Words <input type="search" id="claims-words" placeholder="such as tau or MSD"></label>'
        '<output id="claims-count" aria-live="polite"></output></div>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Claims"><table id="claims-table">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(position: int, claim: Claim) -> str:
    name, title, value, interval, scale, replicas, verdict = cells(claim)
    look, sign = _LOOKS[claim.verdict]
    how = f"<p>{escape(claim.rule)}</p>" + (f"<p><code>{escape(claim.command)}</code></p>" if claim.command else "")
    about = f"<details><summary>{escape(title)}</summary>{how}</details>"
    key = "" if claim.value is None else repr(claim.value)
    return (
        f'<tr data-verdict="{escape(verdict)}"><td data-key="{position}">{escape(name)}</td><td>{about}</td>'
        f'<td><span class="verdict verdict-{look}">{sign} {escape(verdict)}</span></td>'
        f'<td data-key="{key}">{escape(value)}</td><td>{escape(interval)}</td><td>{escape(scale)}</td>'
        f'<td data-key="{claim.n_replicas}">{escape(replicas)}</td></tr>'
    )

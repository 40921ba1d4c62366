"""The table of claims as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from glassnet._html import escape
from glassnet.paper.claims import Claim
from glassnet.paper.claims.rules import REMARK
from glassnet.paper.claims.table import HEADS, cells

_LOOKS: Final = {
    "seen": {"yes": ("yes", "✓"), "no": ("no", "✗"), "undecided": ("open", "?")},
    "reading": {"stands": ("yes", "✓"), "explained": ("otherwise", "≈"), "untested": ("open", "?")},
}
"""Class and sign of each verdict: colour alone never says it."""

_FIRST: Final = ("id", "claim", "seen", "reading")
"""Verdicts stand beside the claim, where narrow screens show them too."""


def claims_table(judged: Sequence[Claim]) -> str:
    """The filters and the table; every row opens to its rule and its command."""
    order = (*_FIRST, *(head for head in HEADS if head not in _FIRST))
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{escape(head)}</button></th>' for head in order
    )
    rows = "".join(_row(position, claim, order) for position, claim in enumerate(judged))
    return (
        f'<div class="filters">{"".join(_filter(name, judged) for name in _LOOKS)}'
        '<label>Words <input type="search" id="claims-words" placeholder="such as tau or MSD"></label>'
        '<output id="claims-count" aria-live="polite"></output></div>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Claims"><table id="claims-table">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div><p>{escape(REMARK)}</p>"
    )


def _filter(name: str, judged: Sequence[Claim]) -> str:
    """Boxes for one of the two verdicts."""
    counts = [getattr(claim, name) for claim in judged]
    boxes = "".join(
        f'<label class="chip verdict-{look}"><input type="checkbox" name="{name}" value="{verdict}" checked> '
        f"{sign} {verdict} ({counts.count(verdict)})</label>"
        for verdict, (look, sign) in _LOOKS[name].items()
    )
    return f"<fieldset><legend>{name.capitalize()}</legend>{boxes}</fieldset>"


def _row(position: int, claim: Claim, order: Sequence[str]) -> str:
    texts = {head: escape(text) for head, text in zip(HEADS, cells(claim), strict=True)}
    how = f"<p>{escape(claim.rule)}</p>" + (f"<p><code>{escape(claim.command)}</code></p>" if claim.command else "")
    texts["claim"] = f"<details><summary>{texts['claim']}</summary>{how}</details>"
    for name, looks in _LOOKS.items():
        look, sign = looks[texts[name]]
        texts[name] = f'<span class="verdict verdict-{look}">{sign} {texts[name]}</span>'
    value = "" if claim.value is None else repr(claim.value)
    keys = {"id": str(position), "value": value, "replicas (lost)": str(claim.n_replicas)}
    starts = {head: f'<td data-key="{key}">' for head, key in keys.items()}
    tds = "".join(f"{starts.get(head, '<td>')}{texts[head]}</td>" for head in order)
    return f'<tr data-seen="{claim.seen}" data-reading="{claim.reading}">{tds}</tr>'

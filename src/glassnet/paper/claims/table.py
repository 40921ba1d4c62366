"""The table of claims as text: JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence

from glassnet.paper.claims.claim import Claim
from glassnet.paper.claims.rules import REMARK

HEADS = ("id", "claim", "paper", "value", "95 % interval", "seen", "null", "reading", "scale", "replicas (lost)")


def cells(claim: Claim) -> tuple[str, ...]:
    """A claim's row under ``HEADS``."""
    value = "-" if claim.value is None else f"{claim.value:.3g} {claim.unit}".rstrip()
    bounds = ["" if bound is None else f"{bound:.3g}" for bound in (claim.low, claim.high)]
    interval = f"{bounds[0] or '?'} to {bounds[1] or '?'}" if any(bounds) else "-"
    null = claim.null + ("" if claim.null_value is None else f": {claim.null_value:.3g}")
    replicas = f"{claim.n_replicas} ({claim.n_lost})"
    verdicts = (claim.seen, null or "-", claim.reading)
    return claim.id, claim.sentence, claim.paper or "-", value, interval, *verdicts, claim.scale, replicas


def to_json(claims: Sequence[Claim]) -> str:
    """A list of objects, one a claim."""
    return json.dumps([claim.to_json() for claim in claims], indent=2, allow_nan=False) + "\n"


def to_markdown(claims: Sequence[Claim]) -> str:
    """The table, with the rule and the command of each claim, and the remark on what is no claim."""
    heads = (*HEADS, "rule and what was found", "command")
    lines = [_row(heads), _row(["---"] * len(heads))]
    lines += [_row([*map(_literal, (*cells(claim), claim.rule)), f"`{claim.command}`"]) for claim in claims]
    return "\n".join([*lines, "", REMARK]) + "\n"


def _literal(text: str) -> str:
    """T* and N* would set what stands between them in italics."""
    return text.replace("*", "\\*")


def _row(parts: Sequence[str]) -> str:
    return "| " + " | ".join(part.replace("|", "\\|") for part in parts) + " |"

"""The paper's claims C1 to C22, each with a verdict from runs by a stated rule."""

from __future__ import annotations

from glassnet.paper.claims.claim import Claim
from glassnet.paper.claims.evidence import open_runs, why_left_out
from glassnet.paper.claims.rules import RULES, assess
from glassnet.paper.claims.table import to_json, to_markdown

__all__ = ["RULES", "Claim", "assess", "open_runs", "to_json", "to_markdown", "why_left_out"]

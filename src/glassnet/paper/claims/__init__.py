"""Claims C1 to C22 of the paper, judged by stated rules from runs.

Each has two verdicts: whether it is seen in the data, and whether the paper's reading stands against a simpler cause.
"""

from __future__ import annotations

from glassnet.paper.claims.claim import Claim
from glassnet.paper.claims.evidence import open_runs, why_left_out
from glassnet.paper.claims.rules import RULES, assess
from glassnet.paper.claims.table import to_json, to_markdown

__all__ = ["RULES", "Claim", "assess", "open_runs", "to_json", "to_markdown", "why_left_out"]

"""The other data set: claim C19 (Figs. A3, A4)."""

from __future__ import annotations

from typing import Final

from glassnet.paper.claims.claim import Finding, together
from glassnet.paper.claims.evidence import Evidence
from glassnet.paper.claims.relaxation_times import noise_and_landscape, noise_only
from glassnet.paper.claims.transitions import HIGHEST, LOWEST, collapse, zero_loss

RULE: Final = (
    f"The rules of C1 to C5 for CIFAR-10, where N* may lie anywhere and lambda* at {LOWEST:g} to {HIGHEST:g} in one "
    "width, and one depth of quench will do. Seen if all five are; the number is the slope of tau_90 in the "
    "regularised phase."
)


def same(evidence: Evidence) -> Finding:
    """Claim C19: the same transitions and relaxation times."""
    slopes = [
        (phase, noise_and_landscape(evidence, phase, "cifar10")) for phase in ("regularised", "underparameterised")
    ]
    return together(
        [
            *slopes,
            ("overparameterised", noise_only(evidence, "cifar10")),
            ("N*", zero_loss(evidence, "cifar10")),
            ("lambda*", collapse(evidence, "cifar10")),
        ]
    )

"""Measurements of speed are made on a machine on which no campaign runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from glassnet.store.lock import holder

CAMPAIGN_LOCK: Final = Path.home() / ".cache" / "glassnet" / "campaign.lock"
"""Held by ``make campaign`` while it computes, whichever checkout it runs in."""


def refuse_beside_campaign(lock: Path = CAMPAIGN_LOCK) -> None:
    """Refuse to measure speed while a campaign computes on this machine.

    Raises:
        SystemExit: with the process that computes, and how to stop it.
    """
    if (who := holder(lock)) is not None:
        raise SystemExit(
            f"Speed cannot be measured while the campaign runs ({who}): stop it (kill -INT {who.split()[-1]}), "
            "and make campaign goes on later"
        )

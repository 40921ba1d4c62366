"""The lock of the campaign: two never run at once, and speed is not measured beside one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from glassnet.store.lock import holder

CAMPAIGN_LOCK: Final = Path.home() / ".cache" / "glassnet" / "campaign.lock"
"""Held by ``make campaign`` while it computes, whichever checkout it runs in."""


def refuse_beside_campaign(lock: Path = CAMPAIGN_LOCK) -> None:
    """Refuse to measure speed while a campaign computes on this machine.

    Raises:
        SystemExit: a campaign runs; the message names its process and how to stop it.
    """
    if (who := holder(lock)) is not None:
        raise SystemExit(
            f"Speed cannot be measured while the campaign runs ({who}): stop it (kill -INT {who.split()[-1]}), "
            "and make campaign goes on later"
        )


def quiet(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options given to a script that measures speed; beside a campaign it may only run with ``--smoke``.

    Raises:
        SystemExit: as :func:`refuse_beside_campaign`.
    """
    chosen = parser.parse_args()
    if not chosen.smoke:
        refuse_beside_campaign()
    return chosen

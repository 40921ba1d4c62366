"""Output of the command on claims, on the terminal and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from glassnet.paper.claims import Claim, to_json, to_markdown
from glassnet.paper.claims.rules import REMARK
from glassnet.paper.claims.table import HEADS, cells
from glassnet.store.placing import write_bytes


def write(judged: Sequence[Claim], folder: Path) -> list[Path]:
    """``claims.json`` and ``claims.md`` in a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "claims.json", folder / "claims.md"]
    for path, text in zip(paths, (to_json(judged), to_markdown(judged)), strict=True):
        write_bytes(path, text.encode(errors="backslashreplace"))
    return paths


def print_claims(console: Console, judged: Sequence[Claim]) -> None:
    """The table, how the verdicts were reached, and how many there are of each."""
    table = Table(title="Claims", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for head in HEADS:
        table.add_column(head)
    for claim in judged:
        table.add_row(*cells(claim))
    console.print(table)
    for claim in judged:
        text = f"\n{claim.id}, seen: {claim.seen}, reading: {claim.reading}. {claim.sentence} {claim.rule}"
        console.print(text, highlight=False, markup=False)
        console.print(f"    {claim.command}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\n{REMARK}", highlight=False, markup=False)
    for name in ("seen", "reading"):
        verdicts = [getattr(claim, name) for claim in judged]
        counts = ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts))
        console.print(f"{name}: {counts}", highlight=False)

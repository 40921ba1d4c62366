"""The command line: parse, call, print."""

from __future__ import annotations

from glassnet.cli.commands import main

__all__ = ["main"]

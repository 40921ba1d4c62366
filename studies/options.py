"""Options that all scripts of ``studies/`` and ``benchmarks/`` share."""

from __future__ import annotations

import argparse


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows a script's docstring as its help and knows ``--smoke``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: shows that the script runs, measures nothing")
    return parser

"""Runs as one interactive page: a single HTML file that opens anywhere, without a network."""

from __future__ import annotations

from glassnet.report.page import check_file, write_report

__all__ = ["check_file", "write_report"]

"""Runs and saved records as one interactive page: a single HTML file that opens anywhere, without a network."""

from __future__ import annotations

from glassnet.report.page import check_file, write_report
from glassnet.report.saved import SavedRecord, open_shown

__all__ = ["SavedRecord", "check_file", "open_shown", "write_report"]

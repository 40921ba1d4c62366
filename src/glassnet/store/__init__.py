"""Values and runs on disk."""

from __future__ import annotations

from glassnet.store.directory import RunDirectory
from glassnet.store.files import load, save

__all__ = ["RunDirectory", "load", "save"]

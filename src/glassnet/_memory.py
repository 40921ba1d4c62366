"""How much memory there is."""

from __future__ import annotations

import os
from pathlib import Path


def machine_memory() -> int:
    """Bytes of memory that this process may hope for: the machine's, or its container's."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    found = limit.read_text(encoding="utf-8").strip() if limit.is_file() else "max"
    return there if found == "max" else min(there, int(found))

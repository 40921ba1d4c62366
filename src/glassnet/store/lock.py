"""One process at a time: a lock file that the kernel releases when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# A file system without locks must not keep anyone from working.
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path``, made here and removed in the end, while the block runs.

    Raises:
        ValueError: another process holds it; the message names that process and ``what`` it works on.
        OSError: the file cannot be made.
    """
    descriptor = _open_locked(path, what)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _open_locked(path: Path, what: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode().strip() or "which has just begun"
            os.close(descriptor)
            raise ValueError(
                f"{what} is being worked on by process {pid}; wait for it or choose another folder"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
        # Its last holder may have removed the file after it was opened here: the lock of such a file keeps nobody out.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)

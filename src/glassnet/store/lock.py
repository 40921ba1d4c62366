"""One process at a time: a lock file that the kernel releases when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# A file system without locks must not keep anyone from working.
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

_POLL_SECONDS: Final = 0.5
_TRIES: Final = 5
_TRY_SECONDS: Final = 0.02


@contextmanager
def held(path: Path, what: str, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock file ``path``, made here and removed in the end, while the block runs.

    Args:
        path: the file.
        what: what it locks, for people.
        on_wait: told once who else holds it, who is then waited for; None to refuse instead.

    Raises:
        ValueError: another process holds it and is not waited for; the message names that process and ``what`` it
            works on.
        OSError: the file cannot be made.
    """
    while (descriptor := _open_locked(path, what, on_wait)) is None:
        on_wait = _say_nothing
        time.sleep(_POLL_SECONDS)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _open_locked(path: Path, what: str, on_wait: Callable[[str], None] | None) -> int | None:
    """The file, locked; None while another process holds it."""
    tries = 0
    while True:
        # Whoever was waited for may have removed a folder in which it did nothing.
        path.parent.mkdir(parents=True, exist_ok=True)
        # No link is followed: in a stranger's folder it may lead to any file of the user's, which would be emptied.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Who only looks whether it is held holds it for a moment.
            tries += 1
            if tries < _TRIES:
                os.close(descriptor)
                time.sleep(_TRY_SECONDS)
                continue
            pid = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "which has just begun"
            os.close(descriptor)
            found = f"{what} is being worked on by process {pid}"
            if on_wait is None:
                raise ValueError(f"{found}; wait for it or choose another folder") from None
            on_wait(found)
            return None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
        # Its last holder may have removed the file after it was opened here: the lock of such a file keeps nobody out.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def holder(path: Path) -> str | None:
    """The process that holds the lock file ``path``, in words; None where none does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return f"process {os.pread(descriptor, 32, 0).decode(errors='replace').strip() or 'that has just begun'}"
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    finally:
        os.close(descriptor)
    return None


def _say_nothing(found: str) -> None:
    """It was said before."""

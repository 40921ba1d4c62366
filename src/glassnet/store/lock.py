"""One process at a time: a lock file that the kernel releases when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from glassnet.store.placing import naming

# A file system without locks must not keep anyone from working.
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})

# What a lock that another process holds is answered with; the latter where it is made of a lock of records.
_HELD: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES})

_POLL_SECONDS: Final = 0.5
_TRIES: Final = 5
_TRY_SECONDS: Final = 0.02


@contextmanager
def held(path: Path, what: str, on_wait: Callable[[str], None] | None = None) -> Iterator[bool]:
    """Hold the lock file ``path``, made here and removed in the end, while the block runs.

    Gives whether other processes are kept out: False on a file system that has no locks.

    Args:
        path: the file.
        what: what it locks, for people.
        on_wait: told once who else holds it, who is then waited for; None to refuse instead.

    Raises:
        ValueError: another process holds it and is not waited for; the message names that process and ``what`` it
            works on.
        OSError: the file cannot be made or locked; it is named.
    """
    while (found := _open_locked(path, what, on_wait)) is None:
        on_wait = _say_nothing
        time.sleep(_POLL_SECONDS)
    descriptor, alone = found
    try:
        # For people only.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield alone
    finally:
        # What is in the way of its removal is in nobody's way: an empty lock file locks nothing.
        with suppress(OSError):
            path.unlink()
        with suppress(OSError):
            os.close(descriptor)


def _open_locked(path: Path, what: str, on_wait: Callable[[str], None] | None) -> tuple[int, bool] | None:
    """The file, and whether it could be locked; None while another process holds it."""
    waited = stale = 0
    while True:
        try:
            # Whoever was waited for may have removed a folder in which it did nothing.
            path.parent.mkdir(parents=True, exist_ok=True)
            with naming(path):
                # No link is followed: in a stranger's folder it may lead to any file of the user's, which would be
                # emptied.
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                try:
                    locked = _lock(descriptor)
                    # Its last holder may have removed the file after it was opened here: the lock of such a file keeps
                    # nobody out.
                    removed = not os.fstat(descriptor).st_nlink
                except BaseException:
                    os.close(descriptor)
                    raise
        except OSError as error:
            # Another machine removed the file, and this one has only now heard of it.
            stale += 1
            if error.errno != errno.ESTALE or stale == _TRIES:
                raise
            time.sleep(_TRY_SECONDS)
            continue
        if locked is False:
            pid = _told(descriptor)
            os.close(descriptor)
            # Who only looks whether it is held holds it for a moment.
            waited += 1
            if waited < _TRIES:
                time.sleep(_TRY_SECONDS)
                continue
            found = f"{what} is being worked on by process {pid or 'which has just begun'}"
            if on_wait is None:
                raise ValueError(f"{found}; wait for it or choose another folder") from None
            on_wait(found)
            return None
        if not removed:
            return descriptor, locked is True
        os.close(descriptor)


def holder(path: Path) -> str | None:
    """The process that holds the lock file ``path``, in words; None where none does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        with naming(path):
            locked = _lock(descriptor, fcntl.LOCK_SH)
        return f"process {_told(descriptor) or 'that has just begun'}" if locked is False else None
    except OSError as error:
        if error.errno == errno.ESTALE:  # removed by another machine
            return None
        raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool | None:
    """Whether a file could be locked; None where its file system has no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _told(descriptor: int) -> str:
    """Text that its holder wrote into a lock file; empty where a lock keeps it from being read."""
    with suppress(OSError):
        return os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return ""


def _say_nothing(found: str) -> None:
    """It was said before."""

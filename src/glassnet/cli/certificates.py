"""A certificate for the length of one run: whoever shows it belongs to the run, and nobody else is listened to."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glassnet.store.lock import held, holder

if TYPE_CHECKING:
    from distributed.security import Security

_PREFIX: Final = ".glassnet-tls-"
_LOCK: Final = "lock"


@contextmanager
def certificates(folder: Path) -> Iterator[Security]:
    """Make a new key and a certificate, and have both in files below ``folder`` while the block runs.

    The files have mode 600, in a new folder of mode 700 that is removed at the end; those that killed processes left
    behind are removed too.

    Raises:
        ValueError: the folder's name needs quotes in a shell script, and a job script has none.
        OSError: the folder cannot be written.
    """
    from distributed.security import Security

    folder = folder.absolute()
    if shlex.quote(str(folder)) != str(folder):
        raise ValueError(
            f"jobs cannot be told of a certificate in {folder}, whose name has blanks or signs that a shell reads: "
            "set jobqueue.slurm.shared-temp-directory in ~/.config/dask/jobqueue.yaml to another folder that jobs see"
        )
    _remove_abandoned(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        private = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    except OSError as error:
        raise OSError(
            f"the certificate of the run cannot be written below {folder}: {error.strerror}; set "
            "jobqueue.slurm.shared-temp-directory in ~/.config/dask/jobqueue.yaml to a folder that jobs see"
        ) from None
    try:
        with held(private / _LOCK, str(private)):
            made = Security.temporary()
            certificate = _written(private / "certificate.pem", made.tls_ca_file)
            key = _written(private / "key.pem", made.tls_worker_key)
            roles = ("client", "scheduler", "worker")
            yield Security(
                require_encryption=True,
                tls_ca_file=certificate,
                **{f"tls_{role}_cert": certificate for role in roles},
                **{f"tls_{role}_key": key for role in roles},
            )
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _written(path: Path, text: str) -> str:
    """Write a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return str(path)


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left in the folder."""
    for private in folder.glob(f"{_PREFIX}*"):
        if (private / _LOCK).exists() and holder(private / _LOCK) is None:
            shutil.rmtree(private, ignore_errors=True)

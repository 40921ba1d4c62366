"""A data set and its test set as one file: an .npz of NumPy's that carries the checksum of every one of its bytes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glassnet._zip import Members
from glassnet.datasets import Dataset, TrainTest
from glassnet.datasets.npz_file import read_arrays
from glassnet.store import files, placing, sealing, strict

_ABOUT: Final = "about.json"
_PREFIX: Final = {"train": "", "test": "test_"}


def write_data(path: Path, data: TrainTest) -> None:
    """Put the file in place; :func:`glassnet.read_dataset` reads its arrays as those of any .npz.

    Raises:
        OSError: the folder is missing, or the disk is full.
    """
    about: dict[str, Any] = {"format": files.FORMAT}
    members: dict[str, bytes] = {}
    for name, one in data._asdict().items():
        if one is not None:
            about[name] = {"name": one.name, "provenance": dict(one.provenance)}
            members[f"{_PREFIX[name]}features.npy"] = _npy(one.features)
            members[f"{_PREFIX[name]}labels.npy"] = _npy(one.labels.astype(np.int8))
    members[_ABOUT] = json.dumps(about, sort_keys=True).encode()
    placing.write_bytes(path, sealing.sealed(members, zipfile.ZIP_DEFLATED))


def read_data(path: Path) -> TrainTest:
    """What :func:`write_data` wrote, bit for bit.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, truncated, foreign or of a later format.
    """
    members = sealing.unsealed(path)
    try:
        about = strict.read(members, _ABOUT)
        found_format = about["format"]
    except Exception as error:
        raise sealing.unreadable(path, error) from error
    files.refuse_other_format(path, found_format)
    try:
        train, test = (_dataset(path, members, name, about) if name in about else None for name in _PREFIX)
        assert train is not None
    except MemoryError:
        raise
    except Exception as error:
        raise sealing.unreadable(path, error) from error
    return TrainTest(train, test)


def _dataset(path: Path, members: Members, name: str, about: dict[str, Any]) -> Dataset:
    features, labels = read_arrays(path, members, (f"{_PREFIX[name]}features", f"{_PREFIX[name]}labels"))
    return Dataset(features, labels, about[name]["name"], about[name]["provenance"])


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()

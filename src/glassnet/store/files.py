"""An ensemble or a record as one file: a zip of zarr arrays that carries the checksum of every one of its bytes.

The file is an ordinary zip, which ``zarr.storage.ZipStore`` opens. Its comment, the last bytes, holds the SHA-256 of
all that stands before it, so that a flipped bit or a missing end is seen before anything is believed. Members are
stored in sorted order and undated: the same value gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from glassnet import _check
from glassnet.ensemble import Ensemble
from glassnet.network import network_of
from glassnet.record import Record
from glassnet.skin import Skin

Value = Ensemble | Record

FORMAT: Final = 1
"""What this version writes; files of a later format are refused."""

_MARK: Final = b"glassnet sha256 "
_DIGEST_LENGTH: Final = 64
_CHUNK_BYTES: Final = 64 * 2**20


def save(value: Value, path: str | os.PathLike[str]) -> None:
    """Write an ensemble or a record to one file, bit for bit; an existing file is replaced only when all is written.

    Args:
        value: what to keep.
        path: the file, by custom ``name.zarr.zip``; its folder must exist.

    Raises:
        TypeError: neither an ensemble nor a record.
        OSError: the folder is missing, or the disk is full; an existing file is then untouched.
    """
    write(Path(path), value, {})


def load(path: str | os.PathLike[str]) -> Value:
    """The ensemble or record that :func:`save` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged, truncated or foreign file, or one of a later format.
    """
    return read(Path(path))[0]


def write(path: Path, value: Value, header: Mapping[str, Any]) -> None:
    """:func:`save` with a header of JSON values, which :func:`read` gives back."""
    kind, data = to_dataset(value)
    about = {
        "format": FORMAT,
        "kind": kind,
        "header": dict(header),
        "attributes": data.attrs,
    }
    write_bytes(path, sealed(_members(_sorted(data, {"glassnet": json.dumps(about, sort_keys=True)}))))


def read(path: Path) -> tuple[Value, dict[str, Any]]:
    """The value in a file and its header.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as :func:`load`.
    """
    from zarr.storage import ZipStore  # as heavy as the rest of glassnet, and often not needed

    about = _checked(path)
    try:
        refuse_bombs(path)
        with ZipStore(path, mode="r") as store:
            data = xr.open_zarr(store, consolidated=False, chunks=None, decode_times=False, mask_and_scale=False).load()
        value = from_dataset(about["kind"], _sorted(data, with_tuples(about["attributes"])))
    except Exception as error:
        raise unreadable(path, error) from error
    return value, dict(about["header"])


def read_header(path: Path) -> dict[str, Any]:
    """The header of a file whose every byte was checked.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as :func:`load`.
    """
    return dict(_checked(path)["header"])


def to_dataset(value: Value) -> tuple[str, xr.Dataset]:
    """All that a value is, as arrays, and which kind of value it is.

    Raises:
        TypeError: neither an ensemble nor a record.
    """
    if isinstance(value, Ensemble):
        return "ensemble", _ensemble_data(value)
    if isinstance(value, Record):
        return "record", _record_data(value)
    raise TypeError(f"value must be an ensemble or a record, but got {type(value).__name__}")


def from_dataset(kind: str, data: xr.Dataset) -> Value:
    """The value that :func:`to_dataset` took apart."""
    return _ensemble_of(data) if kind == "ensemble" else _record_of(data)


def write_bytes(path: Path, content: bytes) -> None:
    """Put a whole file in place at once: it is written beside, forced to the disk, and renamed.

    Raises:
        OSError: it cannot be written, or the disk is full; the file is named.
    """
    part = _unfinished(path)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def take(source: Path, target: Path) -> None:
    """Have a file of another folder in this one: as a second name of it, or as a copy where that cannot be.

    Files are replaced, never changed, so that one name cannot be seen to change through the other.
    """
    part = _unfinished(target)
    try:
        os.link(source, part)
    except OSError:
        write_bytes(target, source.read_bytes())
    else:
        part.replace(target)


def _unfinished(path: Path) -> Path:
    """Where ``path`` is written before it is put in place; two machines that write the same file must not meet."""
    return path.with_name(f"{path.name}.{os.urandom(8).hex()}.part")


def sealed(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The members as a zip that carries the checksum of its bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name), members[name], compression)
        archive.comment = _MARK + b"0" * _DIGEST_LENGTH
    body = buffer.getvalue()[:-_DIGEST_LENGTH]
    return body + hashlib.sha256(body).hexdigest().encode()


def unsealed(path: Path) -> zipfile.ZipFile:
    """The zip that :func:`sealed` made, once its checksum was found right.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged, truncated or foreign file.
    """
    content = path.read_bytes()
    body, mark, digest = content[:-_DIGEST_LENGTH], _MARK, content[-_DIGEST_LENGTH:]
    if not body.endswith(mark):
        what = "is damaged or was cut short" if content.startswith(b"PK") else "was not written by glassnet"
        raise ValueError(f"{path} {what}: its checksum is missing")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError(f"{path} is damaged: its checksum does not match its content")
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    # A zip that claims a version of zip still to come is answered with the latter.
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise unreadable(path, error) from error


def refuse_bombs(path: Path) -> None:
    """Refuse a zip of zarr arrays that would take memory out of all proportion to it.

    Raises:
        ValueError: one whose arrays promise more than any compression gives.
    """
    promised = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.rpartition("/")[2] != "zarr.json":
                continue
            node = json.loads(archive.read(member))
            if node["node_type"] == "array":
                # A chunk is read whole, however little of it the array has.
                chunks = node["chunk_grid"]["configuration"]["chunk_shape"]
                rounded = (-(-length // chunk) * chunk for length, chunk in zip(node["shape"], chunks, strict=True))
                promised += math.prod(rounded) * np.dtype(node["data_type"]).itemsize
    _check.in_proportion(promised, path.stat().st_size)


def unreadable(path: Path, error: Exception) -> ValueError:
    """The error of a file that glassnet sealed, or that says so, with something else in it than it should have."""
    return ValueError(f"{path} cannot be read, though its checksum is right: {error!r}")


def refuse_other_format(path: Path, found: object) -> None:
    """Refuse what another version wrote.

    Raises:
        ValueError: a format other than this version's.
    """
    if found != FORMAT:
        raise ValueError(f"{path}: format must be {FORMAT} in this version of glassnet, but is {found}")


def _checked(path: Path) -> dict[str, Any]:
    """What a file says about itself, once its checksum was found right."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file; glassnet.open_run opens the folder of a run")
    with unsealed(path) as archive:
        if "zarr.json" not in archive.namelist():
            raise ValueError(f"{path} is a condensed run; glassnet.open_run opens it")
        try:
            found = json.loads(json.loads(archive.read("zarr.json"))["attributes"]["glassnet"])
            about = {name: found[name] for name in ("format", "kind", "header", "attributes")}
        except Exception as error:
            raise unreadable(path, error) from error
    refuse_other_format(path, about["format"])
    return about


def _sorted(data: xr.Dataset, attributes: dict[str, Any]) -> xr.Dataset:
    """The same variables in alphabetical order: the order of making must not show in the bytes."""
    plain = {n: (data[n].dims, data[n].values, data[n].attrs) for n in sorted(data.variables, key=str)}
    coordinates = {name: plain.pop(name) for name in list(plain) if name in data.coords}
    return xr.Dataset(plain, coordinates, attributes)


def _members(data: xr.Dataset) -> dict[str, bytes]:
    from zarr.storage import MemoryStore  # as above

    arrays: dict[str, Any] = {}
    encoding = {
        str(name): {"_FillValue": None, "chunks": _chunks(variable)}
        for name, variable in data.variables.items()
        if variable.ndim
    }
    data.to_zarr(MemoryStore(arrays), mode="w", encoding=encoding, consolidated=False, zarr_format=3)
    return {name: content.to_bytes() for name, content in arrays.items()}


def _chunks(variable: xr.Variable) -> tuple[int, ...]:
    """Whole arrays but for the largest, which are cut along their first dimension."""
    first, *rest = (max(1, size) for size in variable.shape)
    one = int(np.prod(rest)) * variable.dtype.itemsize
    return (max(1, min(first, _CHUNK_BYTES // one)), *rest)


def _ensemble_data(ensemble: Ensemble) -> xr.Dataset:
    variables = {name: ("replica", getattr(ensemble, name)) for name in ("seed", "origin", "noise", "step", "alive")}
    return xr.Dataset(
        {"weights": (("replica", "weight"), ensemble.weights), **variables, **_skin_data(ensemble)},
        attrs={"network": ensemble.network.description},
    )


def _ensemble_of(data: xr.Dataset) -> Ensemble:
    return Ensemble(
        network_of(data.attrs["network"]),
        **{name: data[name].values for name in ("weights", "seed", "origin", "noise", "step", "alive")},
        skin=_skin_of(data),
    )


def _record_data(record: Record) -> xr.Dataset:
    state = record.ensemble
    return record.data.assign(
        {
            "references": (("waiting_time", "replica", "weight"), record.references),
            "final_weights": (("replica", "weight"), state.weights),
            "final_step": ("replica", state.step),
            "final_alive": ("replica", state.alive),
            **_skin_data(state),
        }
    )


def _record_of(data: xr.Dataset) -> Record:
    ensemble = Ensemble(
        network_of(data.attrs["network"]),
        data.final_weights.values,
        **{name: data[name].values for name in ("seed", "origin", "noise")},
        step=data.final_step.values,
        alive=data.final_alive.values,
        skin=_skin_of(data),
    )
    references = data.references.values
    kept = data.drop_vars(["references", "final_weights", "final_step", "final_alive"])
    kept = kept.drop_vars(_SKIN, errors="ignore")
    return Record(kept, ensemble, references)


_SKIN: Final = ("skin_tag", "skin_width", "skin_missed", "skin_rows")


def _skin_data(ensemble: Ensemble) -> dict[str, tuple[Any, Any]]:
    skin = ensemble.skin
    if skin is None:
        return {}
    # Text of a fixed length is not a type that every reader of zarr knows.
    tag = np.array([list(text.ljust(_DIGEST_LENGTH).encode()) for text in skin.tag.tolist()], np.uint8)
    return {
        "skin_tag": (("replica", "character"), tag),
        "skin_width": ("replica", skin.width),
        "skin_missed": ("replica", skin.missed),
        "skin_rows": (("replica", "byte"), skin.rows),
    }


def _skin_of(data: xr.Dataset) -> Skin | None:
    if "skin_tag" not in data:
        return None
    tag = [bytes(row).decode().strip() for row in data.skin_tag.values]
    return Skin(np.array(tag), data.skin_width.values, data.skin_missed.values, data.skin_rows.values)


def with_tuples(value: Any) -> Any:
    """A JSON value as attributes have it: JSON knows lists only, what glassnet keeps in attributes are tuples."""
    if isinstance(value, dict):
        return {key: with_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(with_tuples(item) for item in value)
    return value

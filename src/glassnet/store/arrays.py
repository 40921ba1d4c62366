"""Arrays in a zip as zarr writes them (format 3), of which no more is read than what glassnet writes.

An array is a member ``NAME/zarr.json`` and its chunks ``NAME/c/0/...``, cut along the first axis only. Data type,
codecs and sizes are held against what glassnet writes before anything is decoded, and a chunk is decoded into the room
that its shape needs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet._zip import Members
from glassnet.store import strict

NODE: Final = "zarr.json"

_MEMBER: Final = re.compile(r"((?:stacks/\d{1,6}/)?)(?:([A-Za-z]\w{0,99})/)?(zarr\.json|c(?:/\d{1,6})*)", re.ASCII)
_NODE_BYTES: Final = 2**16
_TYPES: Final = ("bool", "uint8", "int64", "float32", "float64")
_MOST_AXES: Final = 8
_LONGEST: Final = 2**40
_BLOSC_HEADER: Final = 16
_BLOSC_ZSTD: Final = 4
_SAME: Final = {
    "zarr_format": 3,
    "node_type": "array",
    "storage_transformers": [],
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
}
_KEYS: Final = {*_SAME, "shape", "data_type", "chunk_grid", "fill_value", "codecs", "attributes"}


@dataclass(frozen=True)
class StoredArray:
    """An array that is one of glassnet's by all that its members say, and is not read yet.

    Args:
        shape: its shape.
        dtype: of its values.
        chunk: shape of a chunk.
        fill: the value of chunks that are not there.
        codec: "zstd", "blosc" or "bytes".
        dims: names of its axes, where it has some.
        attributes: what is said of it.
        chunks: members with the chunks that are there, by their number.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    fill: float
    codec: str
    dims: tuple[str, ...] | None
    attributes: Mapping[str, Any]
    chunks: Mapping[int, str]

    @property
    def rows(self) -> int:
        """Entries of a chunk along the first axis."""
        return self.chunk[0] if self.chunk else 1

    @property
    def n_chunks(self) -> int:
        """Chunks that there may be."""
        return -(-self.shape[0] // self.rows) if self.shape else 1

    @property
    def n_bytes(self) -> int:
        """Bytes that its chunks take, the last of them in full."""
        rounded = (-(-length // most) * most for length, most in zip(self.shape, self.chunk, strict=True))
        return math.prod(rounded) * self.dtype.itemsize

    def refuse_other_grid(self) -> None:
        """Refuse chunks that are not cut along the first axis only.

        Raises:
            ValueError: naming the chunk.
        """
        first, *rest = (max(1, length) for length in self.shape or (1,))
        if self.rows > first or list(self.chunk[1:]) != rest:
            raise ValueError(f"chunk_shape must cut {list(self.shape)} along its first axis, but is {list(self.chunk)}")
        if self.chunks and max(self.chunks) >= self.n_chunks:
            raise ValueError(f"it must have at most {self.n_chunks} chunks, but has number {max(self.chunks)}")

    def read(self, members: Members) -> NDArray[Any]:
        """Its values.

        Raises:
            ValueError: a chunk is damaged or of another size.
        """
        values = np.empty(self.shape or (1,), self.dtype)
        if len(self.chunks) < self.n_chunks:
            values[...] = self.fill
        for number, member in self.chunks.items():
            there = values[number * self.rows : (number + 1) * self.rows]
            if len(there) == self.rows:
                self._decode(members, member, there)
            else:
                padded = np.empty((self.rows, *values.shape[1:]), self.dtype)
                self._decode(members, member, padded)
                there[...] = padded[: len(there)]
        return values.reshape(self.shape)

    def _decode(self, members: Members, member: str, target: NDArray[Any]) -> None:
        from numcodecs import blosc, zstd  # not needed where nothing is read

        raw = target.reshape(-1).view(np.uint8)
        if members.size(member) > (largest := raw.nbytes + raw.nbytes // 128 + 1024):
            raise ValueError(f"its member {member!r} must have at most {largest} bytes for {raw.nbytes} of an array")
        content = members[member]
        try:
            found = {"zstd": _size_in_zstd, "blosc": _size_in_blosc, "bytes": len}[self.codec](content)
            if found != raw.nbytes:
                raise ValueError(f"it must hold {raw.nbytes} bytes of an array, but says {found}")
            if self.codec == "bytes":
                raw[:] = np.frombuffer(content, np.uint8)
            else:
                {"zstd": zstd, "blosc": blosc}[self.codec].decompress(content, raw)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"its member {member!r} cannot be decoded: {error}") from error
        if self.dtype == np.bool_ and raw.max(initial=0) > 1:
            raise ValueError(f"its member {member!r} must hold booleans, but holds {raw.max()}")


def find_arrays(members: Members, others: Collection[str] = ()) -> dict[str, dict[str, StoredArray]]:
    """The arrays of each group by name, groups by their prefix: none, or ``stacks/NUMBER/``.

    Args:
        members: of the file.
        others: members that are no arrays.

    Raises:
        ValueError: a member that glassnet does not write, or arrays out of all proportion to the file.
    """
    groups: dict[str, dict[str, StoredArray]] = {}
    nodes: dict[tuple[str, str], str] = {}
    chunks: dict[tuple[str, str], dict[str, str]] = {}
    for member in members:
        if member in others:
            continue
        match = _MEMBER.fullmatch(member)
        prefix, name, rest = match.group(1, 2, 3) if match else ("", None, "")
        if rest == NODE and name is None:
            _refuse_other_group(member, _node(members, member))
            groups[prefix] = {}
        elif rest == NODE and name is not None:
            nodes[prefix, name] = member
        elif name is not None:
            chunks.setdefault((prefix, name), {})[rest] = member
        else:
            raise ValueError(f"it holds {member!r}, which glassnet does not write")
    for (prefix, name), member in nodes.items():
        if prefix not in groups:
            raise ValueError(f"it holds {member!r}, but no {prefix + NODE!r}")
        node = _node(members, member)
        try:
            groups[prefix][name] = _array(node, chunks.pop((prefix, name), {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _other(member, error) from error
    if chunks:
        raise ValueError(f"it holds {next(iter(next(iter(chunks.values())).values()))!r}, but not what it is a part of")
    _check.in_proportion(sum(one.n_bytes for group in groups.values() for one in group.values()), members.n_bytes)
    for (prefix, name), member in nodes.items():
        try:
            groups[prefix][name].refuse_other_grid()
        except ValueError as error:
            raise _other(member, error) from error
    return groups


def _other(member: str, error: Exception) -> ValueError:
    why = str(error) if isinstance(error, ValueError) else repr(error)
    return ValueError(f"its member {member!r} is not as glassnet writes it: {why}")


def _node(members: Members, member: str) -> Any:
    try:
        most = strict.MOST_BYTES if member == NODE else _NODE_BYTES
        return strict.read(members, member, most_bytes=most)
    except ValueError as error:
        raise ValueError(f"its member {member!r} cannot be read: {error}") from error


def _refuse_other_group(member: str, node: Any) -> None:
    plain = {"zarr_format": 3, "node_type": "group"}
    found = {key: value for key, value in node.items() if key != "attributes"} if isinstance(node, dict) else {}
    if found not in (plain, {**plain, "consolidated_metadata": None}):
        raise ValueError(f"its member {member!r} must be a group of zarr format 3, but is {node!r:.80}")


def _array(node: Mapping[str, Any], chunks: Mapping[str, str]) -> StoredArray:
    if set(node) - {"dimension_names"} != _KEYS:
        raise ValueError(f"it must say {', '.join(sorted(_KEYS))}, but says {', '.join(sorted(node))}")
    for key, value in _SAME.items():
        if node[key] != value:
            raise ValueError(f"{key} must be {value}, but is {node[key]!r:.80}")
    kind = _check.choice("data_type", node["data_type"], _TYPES)
    shape = tuple(strict.whole("shape", length, _LONGEST) for length in node["shape"])
    if len(shape) > _MOST_AXES:
        raise ValueError(f"shape must have at most {_MOST_AXES} axes, but has {len(shape)}")
    grid = node["chunk_grid"]
    chunk = tuple(strict.whole("chunk_shape", length, _LONGEST) for length in grid["configuration"]["chunk_shape"])
    if grid["name"] != "regular" or len(chunk) != len(shape) or 0 in chunk:
        raise ValueError(f"chunk_grid must be regular, with a length above 0 for each axis, but is {grid!r:.200}")
    fill = node["fill_value"]
    if fill != 0 and not (fill == "NaN" and kind.startswith("float")):
        raise ValueError(f"fill_value must be 0, false or NaN, but is {fill!r:.80}")
    return StoredArray(
        shape=shape,
        dtype=np.dtype(kind),
        chunk=chunk,
        fill=math.nan if fill == "NaN" else 0,
        codec=_codec(node["codecs"]),
        dims=_dims(node.get("dimension_names"), len(shape)),
        attributes=dict(node["attributes"]),
        chunks={_number(key, len(shape)): member for key, member in chunks.items()},
    )


def _dims(names: Any, n_axes: int) -> tuple[str, ...] | None:
    if names is None:
        return None
    if len(names) != n_axes or not all(isinstance(name, str) for name in names):
        raise ValueError(f"dimension_names must be {n_axes} names, but are {names!r:.80}")
    return tuple(names)


def _codec(codecs: Any) -> str:
    """The codec behind the bytes of the values, little-endian; exactly one or none."""
    plain, *packed = [(codec["name"], dict(codec.get("configuration", {}))) for codec in codecs]
    if plain not in (("bytes", {}), ("bytes", {"endian": "little"})) or len(packed) > 1:
        raise ValueError(f"codecs must be bytes, then zstd or blosc or none, but are {codecs!r:.200}")
    if not packed:
        return "bytes"
    name, about = packed[0]
    wanted = {"zstd": {"level", "checksum"}, "blosc": {"cname", "clevel", "shuffle", "typesize", "blocksize"}}
    if set(about) != wanted.get(name) or about.get("cname", "zstd") != "zstd":
        raise ValueError(f"codecs must be bytes, then zstd or blosc of zstd or none, but are {codecs!r:.200}")
    return str(name)


def _number(key: str, n_axes: int) -> int:
    """The number of a chunk, from ``c/NUMBER/0/0...``."""
    first, *rest = key.split("/")[1:] or ["0"]
    if key != "/".join(["c", str(int(first)), *("0" for _ in rest)][: n_axes + 1]) or len(rest) != max(0, n_axes - 1):
        raise ValueError(f"its chunks must be cut along the first axis only, but one is {key!r}")
    return int(first)


def _size_in_zstd(content: bytes) -> int:
    """Bytes in a zstd frame, as its header has them (RFC 8878, section 3.1.1.1).

    Raises:
        ValueError: no frame of zstd, or one that does not say.
    """
    if content[:4] != b"\x28\xb5\x2f\xfd" or len(content) < 5:
        raise ValueError("it is no frame of zstd")
    flags = content[4]
    single, size_flag = flags >> 5 & 1, flags >> 6
    n_bytes = (single, 2, 4, 8)[size_flag]
    begin = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    if n_bytes == 0 or len(content) < begin + n_bytes:
        raise ValueError("its frame of zstd does not say how many bytes it holds")
    return int.from_bytes(content[begin : begin + n_bytes], "little") + 256 * (n_bytes == 2)


def _size_in_blosc(content: bytes) -> int:
    """Bytes in a buffer of blosc, as its header has them: four numbers of one byte, then three sizes of four.

    Raises:
        ValueError: no buffer of blosc's, or one of another codec than zstd.
    """
    if len(content) < _BLOSC_HEADER:
        raise ValueError("it is no buffer of blosc's")
    n_bytes, block, packed = (int.from_bytes(content[at : at + 4], "little") for at in (4, 8, 12))
    if content[2] >> 5 != _BLOSC_ZSTD or packed != len(content) or block > n_bytes:
        raise ValueError("it is no whole buffer of blosc's, compressed by zstd")
    return n_bytes

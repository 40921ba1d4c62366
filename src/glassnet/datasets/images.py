"""A folder of images, one sub-folder a class."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from glassnet import _check
from glassnet.datasets.labels import coded
from glassnet.datasets.npz_file import LARGEST_RATIO
from glassnet.datasets.table import Table

_FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Of which the header says the size: others hold images of any size inside, or programs."""

_GREY: Final = ("1", "L")
_LITTER: Final = ("thumbs.db", "desktop.ini", "__macosx")
_MODES: Final = (*_GREY, "LA", "P", "RGB", "RGBA")


def read_images(folder: Path) -> Table:
    """Read a folder of images: grey values where all are grey, else red, green and blue, each from 0 to 255.

    Rows come from all classes in turn, so that the first of them are of all classes. What is hidden (a name that
    begins with a dot, and what Windows and macOS leave in folders) is passed over. An image stands upright, as its EXIF
    says; transparency is left out; of a camera's JPEG with previews behind it (MPO) the first picture is the image.

    Raises:
        ValueError: a file that is no image, damaged, of several pages or of more than 8 bits a channel; images of
            unequal size; or a folder that is not one of classes.
        OSError: a file cannot be read.
    """
    paths = _in_turn(folder)
    headers = [_about(path) for path in paths]
    first = headers[0][0]
    for path, (size, _) in zip(paths, headers, strict=True):
        if sorted(size) != sorted(first):
            raise _unequal(paths[0], first, path, size)
    grey = all(mode in _GREY for _, mode in headers)
    n_values = first[0] * first[1] * (1 if grey else 3)
    try:
        n_bytes = sum(path.stat().st_size for path in paths)
        _check.in_proportion(len(paths) * n_values, n_bytes, ratio=LARGEST_RATIO)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    pixels = np.empty((len(paths), n_values), np.uint8)
    axes: tuple[int, ...] = ()
    for row, path in zip(pixels, paths, strict=True):
        found = _pixels(path, "L" if grey else "RGB")
        if found.size != n_values:
            raise ValueError(f"{path} is damaged: its header promises {n_values} values, but it holds {found.size}")
        axes = axes or found.shape
        if found.shape != axes:
            raise _unequal(paths[0], (axes[1], axes[0]), path, (found.shape[1], found.shape[0]))
        row[:] = found.ravel()
    codes, classes, notes = coded([path.parent.name for path in paths], str(folder), text=True)
    return Table(pixels, codes, classes, str(folder), axes=axes, notes=notes)


def _unequal(one: Path, first: tuple[int, int], other: Path, size: tuple[int, int]) -> ValueError:
    return ValueError(
        f"images must all have one size, but {one} has {first[0]} x {first[1]} and {other} {size[0]} x {size[1]} "
        "pixels: scale or cut them (each counts upright, as its EXIF says)"
    )


def _in_turn(folder: Path) -> list[Path]:
    """All images, so that every stretch of them has the classes in proportion."""
    places: list[tuple[float, Path]] = []
    for entry in _visible(folder):
        if not entry.is_dir():
            raise ValueError(f"{folder} must hold a folder of images a class, but holds the file {entry.name}")
        files = _visible(entry)
        if not files:
            raise ValueError(f"{entry} must hold images, but is empty")
        if inner := next((file for file in files if not file.is_file()), None):
            kind = "the folder " if inner.is_dir() else "what is no file, "
            raise ValueError(f"{entry} must hold images, but holds {kind}{inner.name}: move or remove it")
        places += [((i + 0.5) / len(files), file) for i, file in enumerate(files)]
    if not places:
        raise ValueError(f"{folder} must hold a folder of images a class, but is empty")
    return [path for _, path in sorted(places)]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.name.casefold() not in _LITTER)


def _about(path: Path) -> tuple[tuple[int, int], str]:
    """Size and kind, as the header of the file has them."""
    with _complaining(path), Image.open(path, formats=_FORMATS) as image:
        pages = _pages(image, path)
        size, mode = image.size, image.mode
        # Pillow gives 16 bits a channel as 8: by the format of its decoder they are known.
        deep = any(re.search(r";16[A-Z]", str(tile[3])) for tile in image.tile) or (
            image.format == "PPM" and isinstance(image.tile[0][3], tuple) and image.tile[0][3][-1] > 255
        )
    if mode not in _MODES or deep:
        raise ValueError(
            f"{path} must be of kind {', '.join(_MODES)} (8 bits a channel), but is {mode}"
            f"{' with 16 bits' if deep else ''}: convert it"
        )
    if pages > 1:
        raise ValueError(f"{path} must be one image, but has {pages} pages or frames: save the one that is meant alone")
    return size, mode


def _pages(image: ImageFile.ImageFile, path: Path) -> int:
    if image.format == "PPM":  # one image may follow the other, at which Pillow does not look
        row = {"1": -(-image.width // 8), "L": image.width, "RGB": 3 * image.width}.get(image.mode, 0)
        plain = image.tile[0][0] == "ppm_plain"
        return 1 if plain or not row else path.stat().st_size // (image.tile[0][2] + row * image.height)
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _pixels(path: Path, mode: str) -> NDArray[Any]:
    with _complaining(path), Image.open(path, formats=_FORMATS) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert(mode))


@contextmanager
def _complaining(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file is said with its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of transparency, which is left out, and tags that do not matter
        warnings.filterwarnings("error", "(?i)truncated|corrupt")
        # Pillow warns of images so large that they may be meant to harm.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except UnidentifiedImageError:
            raise ValueError(f"{path} must be an image ({', '.join(_FORMATS)}), but is none") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(f"{path} is too large an image: {error}") from None
        except (MemoryError, FileNotFoundError, PermissionError):
            raise
        except Exception as error:
            raise ValueError(f"{path} is damaged: {error}") from error

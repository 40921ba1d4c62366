"""A folder of images, one sub-folder a class."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from glassnet import _check
from glassnet.datasets.labels import coded
from glassnet.datasets.npz_file import LARGEST_RATIO
from glassnet.datasets.table import Table

_FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Of which the header says the size: others hold images of any size inside, or programs."""

_GREY: Final = ("1", "L")
_MODES: Final = (*_GREY, "LA", "P", "RGB", "RGBA")


def read_images(folder: Path) -> Table:
    """Read a folder of images: grey values where all are grey, else red, green and blue, each from 0 to 255.

    Rows come from all classes in turn, so that the first of them are of all classes. Files and folders whose names
    begin with a dot are passed over; transparency is left out.

    Raises:
        ValueError: a file that is no image or damaged, images of unequal size, or a folder that is not one of classes.
        OSError: a file cannot be read.
    """
    paths = _in_turn(folder)
    sizes = [_about(path) for path in paths]
    first = sizes[0][0]
    for path, (size, _) in zip(paths, sizes, strict=True):
        if size != first:
            raise ValueError(
                f"images must all have one size, but {paths[0]} has {first[0]} x {first[1]} and "
                f"{path} {size[0]} x {size[1]} pixels"
            )
    grey = all(mode in _GREY for _, mode in sizes)
    n_values = first[0] * first[1] * (1 if grey else 3)
    try:
        n_bytes = sum(path.stat().st_size for path in paths)
        _check.in_proportion(len(paths) * n_values, n_bytes, ratio=LARGEST_RATIO)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    pixels = np.empty((len(paths), n_values), np.uint8)
    for row, path in zip(pixels, paths, strict=True):
        found = _pixels(path, "L" if grey else "RGB").ravel()
        if len(found) != n_values:
            raise ValueError(f"{path} is damaged: its header promises {n_values} values, but it holds {len(found)}")
        row[:] = found
    codes, classes, notes = coded([path.parent.name for path in paths], str(folder), text=True)
    width, height = first
    axes = (height, width) if grey else (height, width, 3)
    return Table(pixels, codes, classes, str(folder), axes=axes, notes=notes)


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
            raise ValueError(f"{entry} must hold images, but holds the folder {inner.name}")
        places += [((i + 0.5) / len(files), file) for i, file in enumerate(files)]
    if not places:
        raise ValueError(f"{folder} must hold a folder of images a class, but is empty")
    return [path for _, path in sorted(places)]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _about(path: Path) -> tuple[tuple[int, int], str]:
    """Size and kind, as the header of the file has them."""
    with _opened(path) as image:
        if image.mode not in _MODES:
            raise ValueError(f"{path} must be of kind {', '.join(_MODES)} (8 bits a channel), but is {image.mode}")
        return image.size, image.mode


def _pixels(path: Path, mode: str) -> NDArray[Any]:
    with _opened(path) as image:
        try:
            return np.asarray(image.convert(mode))
        except MemoryError:
            raise
        except Exception as error:
            raise ValueError(f"{path} is damaged: {error}") from error


def _opened(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow warns of images so large that they may be meant to harm.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(path, formats=_FORMATS)
        except UnidentifiedImageError:
            raise ValueError(f"{path} must be an image ({', '.join(_FORMATS)}), but is none") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(f"{path} is too large an image: {error}") from None
        except (MemoryError, FileNotFoundError, PermissionError):
            raise
        except Exception as error:
            raise ValueError(f"{path} is damaged: {error}") from error

"""Folders of images: as they are looked at, or refused with the file and what to do."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

import glassnet as gn

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)
FLAT = Image.new("L", (4, 3), 7)


def folder(path: Path, save: Callable[[Path], object]) -> Path:
    """Two classes of two images each; the first is what is saved, the others are noise of 4 x 3 pixels."""
    for name in ("a", "b"):
        (path / name).mkdir(parents=True)
        for i in range(2):
            noise = RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)
            Image.fromarray(noise).save(path / name / f"{i}.png")
    (path / "a" / "0.png").unlink()
    save(path / "a")
    return path


def first(path: Path) -> NDArray[np.float32]:
    features = gn.read_dataset(path, inputs="given", n_features="all").train.features
    return np.asarray(features[0])


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp", "jpg"])
@pytest.mark.parametrize("orientation", range(9))
def test_an_image_stands_as_its_exif_says(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(PIXELS if orientation < 5 else PIXELS.transpose(1, 0, 2).copy())
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    path = folder(tmp_path / "set", lambda to: stored.save(to / f"0.{suffix}", exif=exif, **options))
    with Image.open(path / "a" / f"0.{suffix}") as plain:
        plain.load()
    if suffix == "tiff":  # turned by Pillow itself
        turned = np.asarray(plain)
    else:
        turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)  # PIL.Image.Transpose
        turned = np.asarray(plain if turn is None else plain.transpose(Image.Transpose(turn)))
    assert turned.shape == (3, 4, 3)
    assert np.array_equal(first(path), turned.ravel())


def test_images_of_one_size_only_once_they_stand_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = folder(tmp_path / "set", lambda to: Image.fromarray(PIXELS).save(to / "0.png", exif=exif))
    with pytest.raises(ValueError, match=r"must all have one size, but .*0.png has 3 x 4 and .*b/0.png 4 x 3 .*EXIF"):
        gn.read_dataset(path)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_several_pages_are_refused(tmp_path: Path, kind: str) -> None:
    pages = [Image.new("L", (4, 3), 50 * i) for i in range(3)]
    path = folder(tmp_path / "set", lambda to: pages[0].save(to / "0", kind, save_all=True, append_images=pages[1:]))
    wanted = f"{path / 'a' / '0'} must be one image, but has 3 pages or frames: save the one that is meant alone"
    with pytest.raises(ValueError, match=f"^{re.escape(wanted)}$"):
        gn.read_dataset(path)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_one_image_of_netpbm_after_the_other_is_refused(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(PIXELS).convert(mode)
    path = folder(tmp_path / "set", lambda to: image.save(to / "0.ppm"))
    file, content = path / "a" / "0.ppm", (path / "a" / "0.ppm").read_bytes()
    file.write_bytes(content + b"\n")
    assert np.array_equal(first(path), np.asarray(image.convert("RGB")).ravel())
    file.write_bytes(content * 2)
    with pytest.raises(ValueError, match=r"a/0.ppm must be one image, but has 2 pages or frames"):
        gn.read_dataset(path)


def test_the_first_picture_of_a_cameras_jpeg_is_the_image(tmp_path: Path) -> None:
    pages = [Image.fromarray(PIXELS), FLAT.convert("RGB")]
    path = folder(
        tmp_path / "set", lambda to: pages[0].save(to / "0.jpg", "MPO", save_all=True, append_images=pages[1:])
    )
    with Image.open(path / "a" / "0.jpg") as image:
        assert np.array_equal(first(path), np.asarray(image).ravel())


def deep_png(channels: int, colour: int) -> bytes:
    raw = b"".join(b"\0" + RNG.bytes(8 * channels) for _ in range(3))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 4, 3, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (deep_png(1, 0), "I;16 with 16 bits"),
        (deep_png(2, 4), "RGBA with 16 bits|LA with 16 bits"),
        (deep_png(3, 2), "RGB with 16 bits"),
        (deep_png(4, 6), "RGBA with 16 bits"),
        (b"P6\n4 3\n65535\n" + bytes(72), "RGB with 16 bits"),
        (b"P5\n4 3\n300\n" + bytes(24), "I with 16 bits"),
    ],
    ids=["L", "LA", "RGB", "RGBA", "P6", "P5"],
)
def test_more_than_8_bits_a_channel_are_refused(tmp_path: Path, content: bytes, kind: str) -> None:
    path = folder(tmp_path / "set", lambda to: (to / "0").write_bytes(content))
    with pytest.raises(ValueError, match=rf"a/0 must be of kind .*8 bits a channel.*, but is ({kind}): convert it$"):
        gn.read_dataset(path)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "F", "I"])
def test_other_kinds_are_refused(tmp_path: Path, mode: str) -> None:
    image = FLAT.convert(mode) if mode in ("F", "I") else Image.fromarray(PIXELS).convert(mode)
    path = folder(tmp_path / "set", lambda to: image.save(to / "0.tiff"))
    with pytest.raises(ValueError, match=rf"0.tiff must be of kind .*, but is {mode}: convert it"):
        gn.read_dataset(path)


def test_fewer_bits_and_palettes_and_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    palette = image.quantize(8)
    for saved, values in (
        (palette, palette.convert("RGB")),
        (image.convert("1"), image.convert("1").convert("RGB")),
        (Image.merge("RGBA", [*image.split(), FLAT]), image),
        (Image.merge("LA", [FLAT, FLAT]), FLAT.convert("RGB")),
    ):
        path = folder(tmp_path / saved.mode, lambda to, one=saved: one.save(to / "0.PNG"))  # type: ignore[misc]
        assert np.array_equal(first(path), np.asarray(values).ravel())
    clear = folder(tmp_path / "clear", lambda to: palette.save(to / "0.png", transparency=bytes(range(8))))
    assert np.array_equal(first(clear), np.asarray(palette.convert("RGB")).ravel())


def test_what_hides_in_folders_is_passed_over_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.png").write_bytes(b"")
    Image.fromarray(PIXELS).save(tmp_path / "elsewhere.png")
    path = folder(tmp_path / "set", lambda to: (to / "0.png").symlink_to(tmp_path / "elsewhere.png"))
    whole = gn.read_dataset(path).train.fingerprint
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "a/.DS_Store", "a/thumbs.db", "b/Desktop.ini"):
        (path / name).write_bytes(b"no image")
    (path / "__MACOSX").mkdir()
    assert gn.read_dataset(path).train.fingerprint == whole
    (path / "a" / "nowhere.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match=r"a must hold images, but holds what is no file, nowhere.png: move or remove"):
        gn.read_dataset(path)
    (path / "a" / "nowhere.png").unlink()
    (path / "a" / "inner").mkdir()
    with pytest.raises(ValueError, match=r"a must hold images, but holds the folder inner: move or remove it"):
        gn.read_dataset(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff", "webp", "bmp", "ppm"])
def test_a_file_cut_short_is_whole_or_refused(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(RNG.integers(0, 256, (3, 4), dtype=np.uint8))
    path = folder(tmp_path / "set", lambda to: image.save(to / f"0.{suffix}"))
    file = path / "a" / f"0.{suffix}"
    whole, content = first(path), file.read_bytes()
    for length in range(0, len(content), max(1, len(content) // 40)):
        file.write_bytes(content[:length])
        try:
            found = first(path)
        except ValueError as error:
            said = str(error)
        else:
            said = str(file) if np.array_equal(found, whole) else "read, and otherwise"
        assert str(file) in said


def test_an_image_so_large_that_it_may_be_meant_to_harm_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path / "set", lambda to: Image.new("1", (60, 50)).save(to / "0.png"))
    for limit in (2900, 1400):  # Pillow warns beyond the limit and refuses beyond twice of it
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ValueError, match=r"a/0.png is too large an image: Image size \(3000 pixels\) exceeds"):
            gn.read_dataset(path)


def test_the_turn_is_pillows(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    path = folder(
        tmp_path / "set", lambda to: Image.fromarray(PIXELS).rotate(90, expand=True).save(to / "0.png", exif=exif)
    )
    with Image.open(path / "a" / "0.png") as image:
        assert np.array_equal(first(path), np.asarray(ImageOps.exif_transpose(image)).ravel())

"""Photo files in, upright RGB pixels out."""

import io
import re
import stat
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, UnidentifiedImageError

from coindex.errors import PhotoError, PhotoTooLarge

__all__ = ["MAX_PIXELS", "MAX_SCANS", "MAX_SIDE", "Photo", "load_photo"]

MAX_PIXELS = 128_000_000
"""JPEGs with more pixels are refused before decoding: phones stop at 108 megapixels, bombs do not. Other formats may
have half as many, because no decoder reads them small: at its height a WebP takes 16 bytes a pixel, a PNG 7, a JPEG
that is decoded small less than one, or 8 where it is progressive."""

MAX_SIDE = 65_000
"""Pixels: no resize beyond it is exact in every port (docs/preprocessing.md, section 2)."""

MIN_SIDE = 16
"""Below 16 pixels no coin can be told from a dot."""

MAX_SCANS = 64
"""Of a progressive JPEG: each is a walk over the whole picture. Encoders write ten to twenty."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""What Pillow is asked to try; GIF so that an animation is refused as one. Its other decoders are attack surface."""

ANIMATED = ("PNG", "WEBP", "GIF")
"""Formats whose further frames are an animation; in a JPEG or HEIC they are previews or depth beside the photo."""

STRIP = 1 << 18
"""Pixels that are brought to RGB at a time, so that there is never a second picture as large as the first."""

FORMATS_KNOWN = "JPEG, PNG, WebP or (with the package pillow-heif) HEIC"

ORIENTATION_TAG = 0x0112
SHORT, LONG = 3, 4
XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])(?![0-9])""")
EXIF_SEGMENT, XMP_SEGMENT = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
"""How the APP1 segments of a JPEG begin that hold them."""

JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Within compressed pixels too: there 0xFF is followed by a zero, or is one of the restarts."""
OTHER_END = b"\xf7\xbd\xef\x7b\xde" * 50 + b"\xff\xd9"
"""Mostly ones: a decoder that is given the mere end of a JPEG goes on with zeros."""
SCAN, END, PROGRESSIVE = 0xDA, 0xD9, (0xC2, 0xC6, 0xCA, 0xCE)
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class _Sides:
    """A JPEG is decoded at the smallest of 1/1, 1/2, 1/4, 1/8 that keeps both its sides at least this long."""

    longer: int
    shorter: int

    def reduction(self, width: int, height: int) -> int:
        longer, shorter = max(width, height), min(width, height)
        fits = (by for by in (8, 4, 2) if longer >= by * self.longer and shorter >= by * self.shorter)
        return next(fits, 1)


QUICK, DETAILED = _Sides(768, 256), _Sides(1200, 400)
"""768 are three pixels for each of a net input: enough to find coins, and for one that is a third of the photo's width.
With 1200 a coin that is a fifth of it still fills a net input. The shorter side decides in photos longer than three to
one: in a panorama a coin is measured by its height."""


@dataclass(frozen=True)
class Photo:
    """An upright photo: `rgb` uint8 (h, w, 3), possibly decoded smaller than the `width` × `height` of the file.

    `in_detail`, where there is more to see, reads the file again with more pixels, and raises as `load_photo` does.
    """

    rgb: NDArray[np.uint8]
    width: int
    height: int
    in_detail: Callable[[], "Photo"] | None = None


def load_photo(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a JPEG, PNG, WebP or HEIC photo, upright by its orientation.

    A large JPEG is decoded small, which is quick; what is returned can be read `in_detail`. Alpha is laid on black,
    grey and CMYK become RGB, 16-bit grey becomes 8-bit. `max_pixels` is the most for a JPEG; other formats may have
    half as many.

    Args:
        source: A path, or the bytes of a file.
        max_pixels: The most pixels that a JPEG may have.

    Raises:
        PhotoError: If the file is missing, no ordinary file, no image, truncated, animated, smaller than 16×16
            or has more than `MAX_SCANS` scans.
        PhotoTooLarge: If it has too many pixels, a side above `MAX_SIDE`, or the memory does not
            suffice.
    """
    photo = _load(source, max_pixels, QUICK)
    is_reduced = max(photo.rgb.shape[:2]) < max(photo.width, photo.height)
    if is_reduced and DETAILED.reduction(photo.width, photo.height) < QUICK.reduction(photo.width, photo.height):
        return replace(photo, in_detail=partial(_load, source, max_pixels, DETAILED))
    return photo


def _load(source: str | Path | bytes, max_pixels: int, sides: _Sides) -> Photo:
    name = "photo" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings(), _stream(source, name) as stream:
            # Pillow warns of large photos, which `max_pixels` judges, and of metadata that nobody reads here.
            warnings.simplefilter("ignore")
            _check_canvas(stream, name, max_pixels)
            with _open(stream) as image:
                return _decode(image, stream, name, max_pixels, sides)
    except FileNotFoundError:
        raise PhotoError("no such file; check its path", photo=name) from None
    except IsADirectoryError:
        raise PhotoError("this is a folder; give the photos in it one by one", photo=name) from None
    except Image.DecompressionBombError:
        raise PhotoTooLarge(f"more than {max_pixels / 1e6:.0f} megapixels; send a smaller copy", photo=name) from None
    except MemoryError:
        raise PhotoTooLarge("there is not enough memory to decode it; send a smaller copy", photo=name) from None
    except UnidentifiedImageError:
        raise PhotoError(f"not an image that can be read here; use {FORMATS_KNOWN}", photo=name) from None
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        # What the system says of a file has a number, what a decoder says of its content has none.
        if isinstance(error, OSError) and error.errno is not None:
            raise PhotoError(
                f"cannot be opened ({error.strerror}); check its path and permissions", photo=name
            ) from None
        raise PhotoError(f"damaged or truncated ({error}); copy the file again", photo=name) from None


@contextmanager
def _stream(source: str | Path | bytes, name: str) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    path = Path(source)
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        # Opening a pipe would wait for whoever writes into it.
        raise PhotoError("this is a pipe or a device, not a file; save the photo as a file first", photo=name)
    with path.open("rb") as file:
        yield file


def _open(stream: BinaryIO) -> Image.Image:
    try:
        return Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            raise
        register_heif_opener()
        stream.seek(0)
        return Image.open(stream, formats=("HEIF",))


def _check_canvas(stream: BinaryIO, name: str, max_pixels: int) -> None:
    """Refuse a WebP by the size in its first bytes, because the decoder takes memory for it as it opens the file."""
    head = stream.read(30).ljust(30, b"\0")
    stream.seek(0)
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return
    if head[12:16] == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    elif head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    _check_most(width, height, name, max_pixels // 2)


def _check_most(width: int, height: int, name: str, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise PhotoTooLarge(
            f"{width}×{height} pixels; {max_pixels / 1e6:.0f} megapixels is the most, send a smaller copy", photo=name
        )
    if max(width, height) > MAX_SIDE:
        raise PhotoTooLarge(f"{width}×{height} pixels; {MAX_SIDE} a side are the most, cut it into parts", photo=name)


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    _check_most(width, height, name, max_pixels)
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed", photo=name)


def _decode(image: Image.Image, stream: BinaryIO, name: str, max_pixels: int, sides: _Sides) -> Photo:
    width, height = image.size
    is_jpeg = image.format in ("JPEG", "MPO")
    _check_size(width, height, name, max_pixels if is_jpeg else max_pixels // 2)
    if image.format in ANIMATED and getattr(image, "is_animated", False):
        raise PhotoError("animated; save one frame as a photo", photo=name)
    if is_jpeg:
        stream.seek(0)
        decoded = _decode_jpeg(image, stream.read(), name, sides.reduction(width, height))
    else:
        image.load()
        decoded = image
    orientation = _orientation(image)
    rgb = _upright_rgb(decoded, name, orientation)
    return Photo(rgb, *((height, width) if orientation >= 5 else (width, height)))


def _decode_jpeg(image: Image.Image, data: bytes, name: str, reduction: int) -> Image.Image:
    if _scans(data) > MAX_SCANS:
        raise PhotoError(f"a JPEG of more than {MAX_SCANS} scans; save it again, without `progressive`", photo=name)

    def load(image: Image.Image) -> Image.Image:
        if reduction > 1:
            # Rounded down: Pillow halves the reduction where the size asked for is a pixel too large.
            image.draft(None, (image.width // reduction, image.height // reduction))
        image.load()
        return image

    try:
        return load(image)
    except OSError as error:
        if "truncated" not in str(error):
            raise
        # Its end is missing, maybe nothing else: if so, what comes behind what is there changes no pixel.
        kept = data.removesuffix(b"\xff")  # half a marker
        ended = [load(Image.open(io.BytesIO(kept + rest), formats=("JPEG",))) for rest in (b"\xff\xd9", OTHER_END)]
        if ImageChops.difference(*ended).getbbox() is not None:
            raise
        return ended[0]


def _scans(data: bytes) -> int:
    """The number of scans of a JPEG's first picture, counted up to one more than are allowed."""
    at, scans, is_progressive, components = 2, 0, False, 0
    while scans <= MAX_SCANS and (found := JPEG_MARKER.search(data, at)):
        at = found.end()
        marker = data[at - 1]
        if marker == END:
            break
        if marker in FRAMES:
            is_progressive, components = marker in PROGRESSIVE, int.from_bytes(data[at + 7 : at + 8])
        if marker == SCAN:
            scans += 1
            if not is_progressive and data[at + 2 : at + 3] == bytes([components]):
                break  # one scan has everything, and decoders stop there
        at += int.from_bytes(data[at : at + 2])
    return scans


def _orientation(image: Image.Image) -> int:
    """How the picture is stored, 1 to 8 (TIFF 6.0): what the first part of the file's metadata says that says one of
    these, the Exif parts before the XMP ones; else 1. HEIC is turned by its decoder."""
    if image.format in ("JPEG", "MPO"):
        segments = [data for marker, data in getattr(image, "applist", ()) if marker == "APP1"]
        exif = [data[len(EXIF_SEGMENT) :] for data in segments if data.startswith(EXIF_SEGMENT)]
        xmp = [data for data in segments if data.startswith(XMP_SEGMENT)]
    elif image.format in ("PNG", "WEBP"):
        exif = [image.info.get("exif", b"").removeprefix(EXIF_SEGMENT)]
        xmp = [image.info.get("xmp", b"")]
    else:
        return 1
    said = [_tiff_orientation(each) for each in exif]
    said += [int(found[1]) for each in xmp if (found := XMP_ORIENTATION.search(each))]
    return next((each for each in said if 1 <= each <= 8), 1)


def _tiff_orientation(tiff: bytes) -> int:
    """The orientation in the first directory of a TIFF structure, as SHORT or LONG; 0 where it cannot be read."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, entry)
            if tag == ORIENTATION_TAG:
                layout = {SHORT: "H", LONG: "I"}.get(kind)
                return int(struct.unpack_from(order + layout, tiff, entry + 8)[0]) if layout else 0
    except struct.error:
        pass  # damaged metadata beside sound pixels
    return 0


def _as_stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A view of an upright picture (h, w, 3) in which it lies as a file of this orientation stores it."""
    if orientation >= 5:
        upright = upright.transpose(1, 0, 2)
    down = -1 if orientation in (3, 4, 6, 7) else 1
    across = -1 if orientation in (2, 3, 7, 8) else 1
    return upright[::down, ::across]


def _upright_rgb(image: Image.Image, name: str, orientation: int) -> NDArray[np.uint8]:
    width, height = image.size
    upright = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = _as_stored(upright, orientation)
    rows = max(STRIP // width, 1)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        stored[top:bottom] = _as_rgb(image.crop((0, top, width, bottom)), name)
    return upright


def _as_rgb(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise PhotoError(f"pixel mode {image.mode} beyond 16 bits; save it with 8 bits a channel", photo=name)
        return np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise PhotoError("floating-point pixels; save it with 8 bits a channel", photo=name)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, rgba).convert("RGB"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))

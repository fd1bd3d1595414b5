"""Photo files in, upright RGB pixels out."""

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from coindex.errors import PhotoError, PhotoTooLarge

__all__ = ["MAX_PIXELS", "Photo", "load_photo"]

MAX_PIXELS = 128_000_000
"""Photos with more pixels are refused before decoding: phones stop at 108 megapixels, bombs do not."""

MIN_SIDE = 16
"""Below 16 pixels no coin can be told from a dot."""

QUICK_LONG_SIDE, DETAILED_LONG_SIDE = 768, 1200
"""A JPEG is decoded at the smallest of 1/1, 1/2, 1/4, 1/8 that keeps its longer side at least this long.

768 are three pixels for each of a net input: enough to find coins, and for one that is a third of the photo's width.
With 1200 a coin that is a fifth of it still fills a net input.
"""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""What Pillow is asked to try; GIF so that an animation is refused as one. Its other decoders are attack surface."""

ANIMATED = ("PNG", "WEBP", "GIF")
"""Formats whose further frames are an animation; in a JPEG or HEIC they are previews or depth beside the photo."""

ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture upright, by its EXIF orientation."""

FORMATS_KNOWN = "JPEG, PNG, WebP or (with the package pillow-heif) HEIC"


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
    """Read a JPEG, PNG, WebP or HEIC photo, upright by its EXIF orientation.

    A large JPEG is decoded small, which is quick; what is returned can be read `in_detail`. Alpha is laid on black,
    grey and CMYK become RGB, 16-bit grey becomes 8-bit. Raises `PhotoError` for a file that is missing, no image,
    truncated, animated or smaller than 16×16, and `PhotoTooLarge` above `max_pixels`.
    """
    photo = _load(source, max_pixels, QUICK_LONG_SIDE)
    longest = max(photo.width, photo.height)
    is_reduced = max(photo.rgb.shape[:2]) < longest
    if is_reduced and _reduction(longest, DETAILED_LONG_SIDE) < _reduction(longest, QUICK_LONG_SIDE):
        return replace(photo, in_detail=partial(_load, source, max_pixels, DETAILED_LONG_SIDE))
    return photo


def _load(source: str | Path | bytes, max_pixels: int, long_side: int) -> Photo:
    name = "photo" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            # Pillow warns of large photos, which `max_pixels` judges, and of metadata that nobody reads here.
            warnings.simplefilter("ignore")
            with _open(source) as image:
                return _decode(image, name, max_pixels, long_side)
    except FileNotFoundError:
        raise PhotoError(f"{name}: no such file; check its path") from None
    except IsADirectoryError:
        raise PhotoError(f"{name} is a folder; give the photos in it one by one") from None
    except Image.DecompressionBombError:
        raise PhotoTooLarge(f"{name}: more than {max_pixels / 1e6:.0f} megapixels; send a smaller copy") from None
    except UnidentifiedImageError:
        raise PhotoError(f"{name}: not an image that can be read here; use {FORMATS_KNOWN}") from None
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        # What the system says of a file has a number, what a decoder says of its content has none.
        if isinstance(error, OSError) and error.errno is not None:
            raise PhotoError(f"{name}: cannot be opened ({error.strerror}); check its path and permissions") from None
        raise PhotoError(f"{name}: damaged or truncated ({error}); copy the file again") from None


def _open(source: str | Path | bytes) -> Image.Image:
    def stream() -> str | Path | BinaryIO:
        return io.BytesIO(source) if isinstance(source, bytes) else source

    try:
        return Image.open(stream(), formats=FORMATS)
    except UnidentifiedImageError:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            raise
        register_heif_opener()
        return Image.open(stream(), formats=("HEIF",))


def _decode(image: Image.Image, name: str, max_pixels: int, long_side: int) -> Photo:
    width, height = image.size
    if width * height > max_pixels:
        raise PhotoTooLarge(
            f"{name}: {width}×{height} pixels; {max_pixels / 1e6:.0f} megapixels is the most, send a smaller copy"
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{name}: {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed")
    if image.format in ANIMATED and getattr(image, "n_frames", 1) > 1:
        raise PhotoError(f"{name}: animated, {getattr(image, 'n_frames', 1)} frames; save one frame as a photo")
    reduction = _reduction(max(width, height), long_side)
    if image.format in ("JPEG", "MPO") and reduction > 1:
        # Rounded down: Pillow halves the reduction where the size asked for is a pixel too large.
        image.draft(None, (width // reduction, height // reduction))
    orientation = _orientation(image)
    upright = image.transpose(TURNS[orientation]) if orientation in TURNS else image
    return Photo(_as_rgb(upright, name), *((height, width) if orientation >= 5 else (width, height)))


def _reduction(longest: int, long_side: int) -> int:
    return next((reduction for reduction in (8, 4, 2) if longest >= reduction * long_side), 1)


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ORIENTATION_TAG)
    except (SyntaxError, ValueError, struct.error):
        return 1  # damaged metadata beside sound pixels
    return orientation if orientation in TURNS else 1


def _as_rgb(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise PhotoError(f"{name}: pixel mode {image.mode} beyond 16 bits; save it with 8 bits a channel")
        return np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise PhotoError(f"{name}: floating-point pixels; save it with 8 bits a channel")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, rgba).convert("RGB"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))

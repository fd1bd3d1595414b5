"""Photos that strangers send, decoded one at a time in a process, with a limit for each door.

What decoding takes in memory is stated in `coindex.photo`: up to 512 MB at the curators' limit and 408 MB at the public
one, once in a process however many ask.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from coindex.photo import Photo, load_photo

__all__ = ["CURATOR_PIXELS", "PUBLIC_PIXELS", "load_photo_alone"]

CURATOR_PIXELS = 64_000_000
"""Of a JPEG that a curator sends; other formats may have half as many."""
PUBLIC_PIXELS = 51_000_000
"""Of a JPEG that anybody sends: phones take up to 50 megapixels as they come. Other formats may have half as many."""

_decoding = threading.Lock()


def load_photo_alone(data: bytes, *, max_pixels: int) -> Photo:
    """As `load_photo`, while no other photo is decoded in this process; nor is any while this one is read in detail."""
    photo = _alone(partial(load_photo, data, max_pixels=max_pixels))
    return replace(photo, in_detail=partial(_alone, photo.in_detail)) if photo.in_detail else photo


def _alone(decode: Callable[[], Photo]) -> Photo:
    with _decoding:
        return decode()

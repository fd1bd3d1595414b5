"""Photo files whose metadata says in many ways how the picture is stored, for every implementation to agree on."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

__all__ = ["CASES", "SCENE", "progressive_jpeg"]

SHORT, LONG, BYTE = 3, 4, 1
WIDTH, HEIGHT = 64, 48


def _scene() -> np.ndarray:
    """Upright pixels uint8 (48, 64, 3), smooth and with no two corners alike."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([across * 3, down * 4, (across + down) * 2], axis=2).astype(np.uint8)


SCENE = _scene()
STORED = {1: SCENE, 3: SCENE[::-1, ::-1], 6: np.rot90(SCENE, 1), 8: np.rot90(SCENE, -1)}
"""The scene as a file of an orientation stores it."""


def _tiff(value: int, *, kind: int = SHORT, order: str = "<") -> bytes:
    packed = struct.pack(order + {SHORT: "H", LONG: "I", BYTE: "B"}[kind], value).ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return head + struct.pack(order + "HHHI", 1, 0x0112, kind, 1) + packed + bytes(4)


EMPTY = b"II" + struct.pack("<HIH", 42, 8, 0) + bytes(4)
"""A directory without entries."""


def _xmp(value: int, *, as_element: bool = False) -> bytes:
    said = f">{value}</tiff:Orientation>" if as_element else f'="{value}"'
    opened = "<tiff:Orientation" if as_element else "<rdf:Description tiff:Orientation"
    return f"<x:xmpmeta>{opened}{said}</x:xmpmeta>".encode()


def _jpeg(stored: int, *segments: bytes) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(STORED[stored])).save(out, "JPEG", quality=95, subsampling=0)
    parts = [b"\xff\xe1" + struct.pack(">H", len(each) + 2) + each for each in segments]
    return out.getvalue()[:2] + b"".join(parts) + out.getvalue()[2:]


def _png(stored: int, *chunks: tuple[bytes, bytes], last: tuple[bytes, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(STORED[stored])).save(out, "PNG")
    whole = out.getvalue()

    def packed(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    before = b"".join(packed(*each) for each in chunks)
    return whole[:33] + before + whole[33:-12] + (packed(*last) if last else b"") + whole[-12:]


def _webp(stored: int, *chunks: tuple[bytes, bytes]) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(STORED[stored]))
    # Pillow's own metadata makes the extended header, which the chunks here then take the place of.
    image.save(out, "WEBP", lossless=True, exif=b"Exif\0\0" + EMPTY)
    whole = out.getvalue()
    kept = whole[: whole.index(b"EXIF")]
    added = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    whole = kept + added
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:20] + bytes([0x0C]) + whole[21:]


def _exif(tiff: bytes) -> bytes:
    return b"Exif\0\0" + tiff


def _xmp_segment(data: bytes) -> bytes:
    return b"http://ns.adobe.com/xap/1.0/\0" + data


def _itxt(data: bytes) -> tuple[bytes, bytes]:
    return b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + data


CASES: dict[str, bytes] = {
    "JPEG, SHORT": _jpeg(6, _exif(_tiff(6))),
    "JPEG, SHORT, big-endian": _jpeg(6, _exif(_tiff(6, order=">"))),
    "JPEG, LONG": _jpeg(6, _exif(_tiff(6, kind=LONG))),
    "JPEG, LONG, big-endian": _jpeg(8, _exif(_tiff(8, kind=LONG, order=">"))),
    "JPEG, BYTE is no orientation": _jpeg(1, _exif(_tiff(6, kind=BYTE))),
    "JPEG, two Exif segments": _jpeg(6, _exif(_tiff(6)), _exif(_tiff(3))),
    "JPEG, two Exif segments, the first upright": _jpeg(1, _exif(_tiff(1)), _exif(_tiff(6))),
    "JPEG, two Exif segments, the first says nothing": _jpeg(6, _exif(EMPTY), _exif(_tiff(6))),
    "JPEG, two Exif segments, the first says nonsense": _jpeg(6, _exif(_tiff(9)), _exif(_tiff(6))),
    "JPEG, two Exif segments, the first damaged": _jpeg(6, _exif(b"II*\0\xff\xff\xff\xff"), _exif(_tiff(6))),
    "JPEG, XMP attribute": _jpeg(6, _xmp_segment(_xmp(6))),
    "JPEG, XMP element": _jpeg(8, _xmp_segment(_xmp(8, as_element=True))),
    "JPEG, XMP before Exif": _jpeg(3, _xmp_segment(_xmp(6)), _exif(_tiff(3))),
    "JPEG, XMP of ten": _jpeg(1, _xmp_segment(_xmp(10))),
    "JPEG, Exif without orientation and XMP": _jpeg(6, _exif(EMPTY), _xmp_segment(_xmp(6))),
    "PNG, SHORT": _png(6, (b"eXIf", _tiff(6))),
    "PNG, LONG": _png(6, (b"eXIf", _tiff(6, kind=LONG))),
    "PNG, behind the pixels": _png(6, last=(b"eXIf", _tiff(6))),
    "PNG, XMP": _png(6, _itxt(_xmp(6))),
    "PNG, Exif before XMP": _png(3, _itxt(_xmp(6)), (b"eXIf", _tiff(3))),
    "WebP, SHORT": _webp(6, (b"EXIF", _tiff(6))),
    "WebP, SHORT behind a JPEG's mark": _webp(6, (b"EXIF", _exif(_tiff(6)))),
    "WebP, LONG": _webp(6, (b"EXIF", _tiff(6, kind=LONG))),
    "WebP, XMP": _webp(8, (b"XMP ", _xmp(8))),
    "WebP, Exif before XMP": _webp(3, (b"EXIF", _tiff(3)), (b"XMP ", _xmp(6))),
}
"""Files that all show `SCENE` upright."""


def progressive_jpeg(scans: int, *, side: int = 64) -> bytes:
    """A progressive JPEG in which the last of its scans is repeated until there are so many."""
    out = io.BytesIO()
    Image.fromarray(np.resize(SCENE, (side, side, 3))).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    starts = [at for at in range(len(whole) - 1) if whole[at : at + 2] == b"\xff\xda"]
    last = whole[starts[-1] : -2]
    return whole[:-2] + last * (scans - len(starts)) + whole[-2:]

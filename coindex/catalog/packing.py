"""How numbers and codes lie in the catalogue's files: sealed in a frame, packed by deflate after what makes it small.

The frame is the same for every kind of file and every format version, so that an old reader can tell a damaged file
from a newer one:

    8 bytes   magic, which names the kind of file
    u32       format version
    u64       payload length in bytes
    32 bytes  SHA-256 over magic, version, length and payload

Numbers are little-endian. `docs/catalog-format.md` says all of it byte by byte. Every `unpack_` function allocates no
more than its `count` implies, whatever the data claim, and raises `CatalogError` for what no writer wrote.
"""

import hashlib
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from coindex.codes import DIMENSIONS, LIMIT
from coindex.errors import CatalogError

__all__ = [
    "frame",
    "inflated",
    "pack_ascending",
    "pack_codes",
    "pack_numbers",
    "unframe",
    "unpack_ascending",
    "unpack_codes",
    "unpack_numbers",
]

HEADER = struct.Struct("<8sIQ32s")

LARGEST = 2**32 - 1
VARINT_BYTES = 5
LAST_GROUP = 0x0F
"""A u32 takes at most five groups of seven bits, of which the last has four and no successor."""


def frame(magic: bytes, version: int, payload: bytes) -> bytes:
    """The file of a payload. `magic` has 8 bytes."""
    return HEADER.pack(magic, version, len(payload), _checksum(magic, version, payload)) + payload


def unframe(magic: bytes, version: int, data: bytes, *, name: str) -> memoryview:
    """The payload of a file, not copied.

    Raises:
        CatalogError: If the file is damaged or of another format version; the message tells which.
    """
    if len(data) < HEADER.size or not data.startswith(magic):
        raise CatalogError(f"{name}: not a {magic.decode('ascii')} file; fetch the catalogue anew")
    _, found, length, checksum = HEADER.unpack_from(data)
    payload = memoryview(data)[HEADER.size :]
    if len(payload) != length:
        raise CatalogError(f"{name}: {len(payload)} bytes of {length} are there; fetch the catalogue anew")
    if _checksum(magic, found, payload) != checksum:
        raise CatalogError(f"{name}: damaged, the checksum differs; fetch the catalogue anew")
    if found != version:
        advice = "update coindex" if found > version else "publish the catalogue anew, and sync again"
        raise CatalogError(f"{name}: format {found}, this coindex reads format {version}; {advice}")
    return payload


def pack_codes(codes: NDArray[np.int8]) -> bytes:
    """Codes int8 (n, 64), row after row. Their numbers repeat in no pattern, but small ones are commoner than large:
    Huffman codes alone make about 56 bytes of 64, and a search for matches none the fewer."""
    return _deflate(np.ascontiguousarray(codes, np.int8).tobytes(), zlib.Z_HUFFMAN_ONLY)


def unpack_codes(data: bytes | memoryview, count: int) -> NDArray[np.int8]:
    """Codes int8 (count, 64) of `pack_codes`.

    Raises:
        CatalogError: If the bytes are damaged.
    """
    size = count * DIMENSIONS
    raw = inflated(data, size)
    if len(raw) != size:
        raise CatalogError(f"packed codes hold {len(raw)} bytes of {size}")
    codes = np.frombuffer(raw, np.int8).reshape(count, DIMENSIONS)
    if count and codes.min() < -LIMIT:
        raise CatalogError("a packed code holds -128; codes lie in ±127")
    return codes


def pack_ascending(ids: NDArray[np.uint32]) -> bytes:
    """Numbers uint32 (n,) that ascend without repeats: the first, then by how much more than 1 each exceeds the one
    before.

    Raises:
        ValueError: If they do not ascend.
    """
    wide = np.asarray(ids, np.int64)
    gaps = np.diff(wide, prepend=-1) - 1
    if (gaps < 0).any():
        raise ValueError("the numbers must ascend without repeats")
    return pack_numbers(gaps.astype(np.uint32))


def unpack_ascending(data: bytes | memoryview, count: int) -> NDArray[np.uint32]:
    """Numbers uint32 (count,) of `pack_ascending`.

    Raises:
        CatalogError: If the bytes are damaged.
    """
    numbers = np.cumsum(unpack_numbers(data, count), dtype=np.uint64) + np.arange(count, dtype=np.uint64)
    if count and numbers[-1] > LARGEST:
        raise CatalogError(f"packed numbers reach {numbers[-1]}; u32 ends at {LARGEST}")
    return numbers.astype(np.uint32)


def pack_numbers(numbers: NDArray[np.uint32]) -> bytes:
    """Numbers uint32 (n,) in any order, as variable-length bytes (LEB128), deflated."""
    raw = _to_varints(np.asarray(numbers, np.uint32))
    # Runs and repeats want matches, scattered numbers only Huffman codes: which is smaller shows when both are there.
    return min(_deflate(raw, zlib.Z_HUFFMAN_ONLY), _deflate(raw, zlib.Z_DEFAULT_STRATEGY), key=len)


def unpack_numbers(data: bytes | memoryview, count: int) -> NDArray[np.uint32]:
    """Numbers uint32 (count,) of `pack_numbers`.

    Raises:
        CatalogError: If the bytes are damaged.
    """
    return _of_varints(np.frombuffer(inflated(data, VARINT_BYTES * count), np.uint8), count)


def inflated(data: bytes | memoryview, most: int) -> bytes:
    """What a zlib stream holds.

    Raises:
        CatalogError: If that is more than `most` bytes, or the stream is damaged, cut short or followed by
            anything.
    """
    inflater = zlib.decompressobj()
    try:
        # One byte more than can be right: a stream that goes on is found out without following it.
        raw = inflater.decompress(data, most + 1)
    except zlib.error as error:
        raise CatalogError(f"packed data cannot be inflated ({error})") from None
    if len(raw) > most or not inflater.eof or inflater.unused_data:
        raise CatalogError(f"packed data do not end where {most} bytes do")
    return raw


def _checksum(magic: bytes, version: int, payload: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(magic + struct.pack("<IQ", version, len(payload)))
    digest.update(payload)
    return digest.digest()


def _deflate(raw: bytes, strategy: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    return compressor.compress(raw) + compressor.flush()


def _to_varints(numbers: NDArray[np.uint32]) -> bytes:
    shifts = np.arange(0, 7 * VARINT_BYTES, 7, dtype=np.uint32)
    groups = numbers[:, None] >> shifts
    used = groups > 0
    used[:, 0] = True
    groups &= 0x7F
    groups[:, :-1][used[:, 1:]] |= 0x80  # the top bit says that more groups follow
    return groups[used].astype(np.uint8).tobytes()


def _of_varints(raw: NDArray[np.uint8], count: int) -> NDArray[np.uint32]:
    ends = np.flatnonzero(raw < 0x80)
    if len(ends) != count or (len(raw) and raw[-1] >= 0x80):
        raise CatalogError(f"packed numbers are {len(ends)}; {count} were expected")
    if len(raw) == count:
        return raw.astype(np.uint32)
    place = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    groups = raw[place]
    numbers = (groups & 0x7F).astype(np.uint32)
    longer = np.flatnonzero(groups >= 0x80)
    place = place[longer]
    for shift in range(7, 7 * VARINT_BYTES, 7):
        place += 1
        groups = raw[place]
        if shift == 7 * (VARINT_BYTES - 1) and groups.max(initial=0) > LAST_GROUP:
            raise CatalogError(f"a packed number is more than {LARGEST}, where u32 ends")
        numbers[longer] |= (groups & 0x7F).astype(np.uint32) << np.uint32(shift)
        more = groups >= 0x80
        longer, place = longer[more], place[more]
    return np.asarray(numbers, np.uint32)

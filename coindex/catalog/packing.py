"""Numbers and codes in the catalogue's files: prepared to compress well, deflated, and enclosed in a frame.

The frame is the same for every kind of file and every format version. So an old reader can tell a damaged file from a
newer one:

    8 bytes   magic, which names the kind of file
    u32       format version
    u64       payload length in bytes
    32 bytes  SHA-256 over magic, version, length and payload

Numbers are little-endian. `docs/catalog-format.md` defines every byte. Every `unpack_` function allocates no more than
its `count` implies, whatever the data claim, and raises `CatalogError` for data that no writer makes.
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
"""A u32 takes at most five groups of seven bits. The last one has four bits and no successor."""


def frame(magic: bytes, version: int, payload: bytes) -> bytes:
    """The file of a payload.

    Args:
        magic: The kind of file, 8 bytes.
        version: The format version of the kind.
        payload: The content.
    """
    return HEADER.pack(magic, version, len(payload), _checksum(magic, version, payload)) + payload


def unframe(magic: bytes, version: int, data: bytes, *, name: str) -> memoryview:
    """The payload of a file, not copied.

    Args:
        magic: The expected kind of file, 8 bytes.
        version: The expected format version.
        data: The bytes of the file.
        name: The file's name, for error messages.

    Raises:
        CatalogError: If the file is damaged, or of another format version; the message says which.
    """
    if len(data) < HEADER.size or not data.startswith(magic):
        raise CatalogError(f"{name}: not a {magic.decode('ascii')} file; download the catalogue again")
    _, found, length, checksum = HEADER.unpack_from(data)
    payload = memoryview(data)[HEADER.size :]
    if len(payload) != length:
        raise CatalogError(f"{name}: has {len(payload)} of {length} bytes; download the catalogue again")
    if _checksum(magic, found, payload) != checksum:
        raise CatalogError(f"{name}: damaged (its checksum differs); download the catalogue again")
    if found != version:
        advice = "update coindex" if found > version else "publish the catalogue again, then sync"
        raise CatalogError(f"{name}: format {found}, this coindex reads format {version}; {advice}")
    return payload


def pack_codes(codes: NDArray[np.int8]) -> bytes:
    """Pack codes, row after row.

    Their numbers have no patterns, but small ones are more frequent. Huffman codes alone make 56 bytes of 64, and a
    search for matches saves nothing more.

    Args:
        codes: int8 (n, 64).
    """
    return _deflate(np.ascontiguousarray(codes, np.int8).tobytes(), zlib.Z_HUFFMAN_ONLY)


def unpack_codes(data: bytes | memoryview, count: int) -> NDArray[np.int8]:
    """Unpack the codes of `pack_codes`.

    Args:
        data: The packed bytes.
        count: The number of codes.

    Returns:
        int8 (count, 64).

    Raises:
        CatalogError: If the bytes are damaged.
    """
    size = count * DIMENSIONS
    raw = inflated(data, size)
    if len(raw) != size:
        raise CatalogError(f"packed codes have {len(raw)} of {size} bytes")
    codes = np.frombuffer(raw, np.int8).reshape(count, DIMENSIONS)
    if count and codes.min() < -LIMIT:
        raise CatalogError("a packed code holds -128; codes lie in ±127")
    return codes


def pack_ascending(ids: NDArray[np.uint32]) -> bytes:
    """Pack numbers that ascend without repeats: the first one, then each difference minus 1.

    Args:
        ids: uint32 (n,), ascending.

    Raises:
        ValueError: If they do not ascend.
    """
    wide = np.asarray(ids, np.int64)
    gaps = np.diff(wide, prepend=-1) - 1
    if (gaps < 0).any():
        raise ValueError("the numbers must ascend without repeats")
    return pack_numbers(gaps.astype(np.uint32))


def unpack_ascending(data: bytes | memoryview, count: int) -> NDArray[np.uint32]:
    """Unpack the numbers of `pack_ascending`.

    Args:
        data: The packed bytes.
        count: How many numbers there are.

    Returns:
        uint32 (count,), ascending.

    Raises:
        CatalogError: If the bytes are damaged.
    """
    numbers = np.cumsum(unpack_numbers(data, count), dtype=np.uint64) + np.arange(count, dtype=np.uint64)
    if count and numbers[-1] > LARGEST:
        raise CatalogError(f"packed numbers reach {numbers[-1]}, the largest u32 is {LARGEST}")
    return numbers.astype(np.uint32)


def pack_numbers(numbers: NDArray[np.uint32]) -> bytes:
    """Pack numbers in any order, as variable-length bytes (LEB128), deflated.

    Args:
        numbers: uint32 (n,).
    """
    raw = _to_varints(np.asarray(numbers, np.uint32))
    # Runs and repeats need matches, scattered numbers only Huffman codes: make both and take the smaller one.
    return min(_deflate(raw, zlib.Z_HUFFMAN_ONLY), _deflate(raw, zlib.Z_DEFAULT_STRATEGY), key=len)


def unpack_numbers(data: bytes | memoryview, count: int) -> NDArray[np.uint32]:
    """Unpack the numbers of `pack_numbers`.

    Args:
        data: The packed bytes.
        count: How many numbers there are.

    Returns:
        uint32 (count,).

    Raises:
        CatalogError: If the bytes are damaged.
    """
    return _of_varints(np.frombuffer(inflated(data, VARINT_BYTES * count), np.uint8), count)


def inflated(data: bytes | memoryview, most: int) -> bytes:
    """Inflate a zlib stream.

    Args:
        data: The stream.
        most: The most bytes that it may inflate to.

    Raises:
        CatalogError: If it inflates to more, is damaged or truncated, or is followed by other bytes.
    """
    inflater = zlib.decompressobj()
    try:
        # One byte more than allowed: enough to notice a longer stream without inflating all of it.
        raw = inflater.decompress(data, most + 1)
    except zlib.error as error:
        raise CatalogError(f"packed data cannot be inflated ({error})") from None
    if len(raw) > most or not inflater.eof or inflater.unused_data:
        raise CatalogError(f"packed data do not end after {most} bytes")
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
        raise CatalogError(f"there are {len(ends)} packed numbers, expected {count}")
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
            raise CatalogError(f"a packed number is larger than {LARGEST}, the largest u32")
        numbers[longer] |= (groups & 0x7F).astype(np.uint32) << np.uint32(shift)
        more = groups >= 0x80
        longer, place = longer[more], place[more]
    return np.asarray(numbers, np.uint32)

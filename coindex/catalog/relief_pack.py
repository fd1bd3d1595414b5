"""Packs of relief maps: the second look compares photos with these maps. The files never change.

A pack's header has the relief id of its maps and the ids of their rows, so that no row gets another row's map. Maps are
deflated in groups: reading one map inflates one group. `docs/catalog-format.md` defines every byte.
"""

import zlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.packing import frame, inflated, pack_ascending, unframe, unpack_ascending
from coindex.catalog.sections import LENGTH, Sections, section
from coindex.errors import CatalogError
from coindex.relief import MAP_BYTES, ReliefMaps, unpack_map

__all__ = [
    "FORMAT_VERSION",
    "GROUP",
    "MAX_MAPS",
    "JoinedMaps",
    "PackFile",
    "PackedMaps",
    "ReliefPack",
    "read_pack",
    "write_pack",
]

MAGIC = b"COINRLIF"
FORMAT_VERSION = 1

MAX_MAPS = 1024
"""The most maps in a pack: about a megabyte, for which a reader has memory."""

GROUP = 16
"""Maps that are deflated together. With fewer, the Huffman tables cost more than they save; more save hardly more."""

KEPT_GROUPS = 2048
"""Groups that stay inflated: 32 MB, 32,768 maps, those of about 4,000 classes."""

ID_BYTES = 8


@dataclass(frozen=True, eq=False)
class ReliefPack:
    """The content of a pack.

    Attributes:
        relief_id: The relief id of its maps.
        row_ids: The rows of the maps, uint32 (n,), ascending.
        groups: Where each group of `GROUP` maps starts and ends in the file.
    """

    relief_id: str
    row_ids: NDArray[np.uint32]
    groups: tuple[tuple[int, int], ...]

    def place(self, row_id: int) -> int | None:
        """The position of a row's map in the pack, None if the pack has none of this row."""
        place = int(np.searchsorted(self.row_ids, row_id))
        return place if place < len(self.row_ids) and self.row_ids[place] == row_id else None

    def unpacked(self, group: int, data: bytes | memoryview) -> bytes:
        """Inflate a group of maps.

        Args:
            group: The number of the group.
            data: Its bytes in the file.

        Returns:
            The maps, `MAP_BYTES` each.

        Raises:
            CatalogError: If the bytes are damaged.
        """
        size = MAP_BYTES * min(GROUP, len(self.row_ids) - GROUP * group)
        maps = inflated(data, size)
        if len(maps) != size:
            raise CatalogError(f"a group of maps has {len(maps)} of {size} bytes")
        return maps


@dataclass(frozen=True)
class PackFile:
    """A pack that a release names, and how to read it.

    Attributes:
        name: The file's name.
        first: The first row of its range.
        last: The last row of its range.
        read: Gives the complete file, verified; None if it is gone.
        read_part: Gives the file's bytes from one position to another.
    """

    name: str
    first: int
    last: int
    read: Callable[[], bytes | None]
    read_part: Callable[[int, int], bytes]


class PackedMaps:
    """The maps of a catalogue's rows, read from packs when needed. Opening a large catalogue costs no time and memory.
    Each pack is verified completely when it is read first.

    Args:
        relief_id: The relief id of the maps.
        packs: The packs, sorted by ranges that do not overlap.
    """

    def __init__(self, relief_id: str, packs: Sequence[PackFile]) -> None:
        self._relief_id, self._packs = relief_id, packs
        self._firsts = [pack.first for pack in packs]
        self._opened: dict[int, ReliefPack | None] = {}
        self._group = lru_cache(maxsize=KEPT_GROUPS)(self._read_group)

    def get(self, row_id: int, /) -> NDArray[np.int8] | None:
        """The map of a row.

        Args:
            row_id: The reference row.

        Returns:
            int8 (8, 32, 8), or None if there is none.

        Raises:
            CatalogError: If its pack is damaged or of another relief id.
        """
        number = bisect_right(self._firsts, row_id) - 1
        if number < 0 or row_id > self._packs[number].last:
            return None
        if number not in self._opened:
            self._opened[number] = self._open(self._packs[number])
        pack = self._opened[number]
        place = pack.place(row_id) if pack else None
        if place is None:
            return None
        group, at = divmod(place, GROUP)
        try:
            return unpack_map(self._group(number, group)[MAP_BYTES * at : MAP_BYTES * (at + 1)])
        except FileNotFoundError:  # two syncs have passed since the catalogue was opened
            return None
        except (OSError, ValueError, CatalogError) as error:
            raise CatalogError(
                f"{self._packs[number].name}: cannot be read ({error}); sync again to repair it"
            ) from None

    def _open(self, file: PackFile) -> ReliefPack | None:
        data = file.read()
        return None if data is None else read_pack(data, name=file.name, relief_id=self._relief_id)

    def _read_group(self, number: int, group: int) -> bytes:
        pack, file = self._opened[number], self._packs[number]
        assert pack is not None
        return pack.unpacked(group, file.read_part(*pack.groups[group]))


class JoinedMaps:
    """The maps of several parts of a catalogue. Each part has its own rows."""

    def __init__(self, parts: Sequence[ReliefMaps]) -> None:
        self._parts = parts

    def get(self, row_id: int, /) -> NDArray[np.int8] | None:
        """The map of a row: see `PackedMaps.get`."""
        return next((found for part in self._parts if (found := part.get(row_id)) is not None), None)


def write_pack(relief_id: str, maps: Mapping[int, bytes]) -> bytes:
    """Write a pack of maps as a file of format version 1.

    Args:
        relief_id: The relief id of the maps.
        maps: The maps by row id, as `pack_map` makes them.

    Raises:
        ValueError: If there are none or more than `MAX_MAPS`, or one has another length.
    """
    if not 1 <= len(maps) <= MAX_MAPS or any(len(packed) != MAP_BYTES for packed in maps.values()):
        raise ValueError(f"a pack has 1 to {MAX_MAPS} maps of {MAP_BYTES} bytes, got {len(maps)} maps")
    rows = sorted(maps)
    ids = section(pack_ascending(np.array(rows, np.uint32)))
    groups = [
        section(_deflated(b"".join(maps[row_id] for row_id in rows[start : start + GROUP])))
        for start in range(0, len(rows), GROUP)
    ]
    return frame(MAGIC, FORMAT_VERSION, bytes.fromhex(relief_id) + LENGTH.pack(len(rows)) + ids + b"".join(groups))


def read_pack(
    data: bytes, *, name: str, relief_id: str | None = None, maps: int | None = None, whole: bool = False
) -> ReliefPack:
    """Read a pack of maps.

    Args:
        data: The bytes of the file.
        name: The file's name, for error messages.
        relief_id: The expected relief id, if it is known.
        maps: The expected number of maps, if it is known.
        whole: Check every map, not only the header.

    Raises:
        CatalogError: If the file is damaged, of a newer format (the message says which), or not as expected.
    """
    payload = unframe(MAGIC, FORMAT_VERSION, data, name=name)
    try:
        parts = Sections(payload)
        found, count = bytes(parts.take(ID_BYTES)).hex(), parts.number()
        if relief_id is not None and found != relief_id:
            raise CatalogError(f"its maps are of relief {found}, expected {relief_id}")
        if not 1 <= count <= MAX_MAPS or (maps is not None and count != maps):
            raise CatalogError(f"it claims {count} maps; expected {maps or f'1 to {MAX_MAPS}'}")
        ids = parts.section()
        pack = ReliefPack(found, unpack_ascending(ids, count), _places(parts, count, len(data)))
        if whole:
            _check_maps(pack, data)
    except CatalogError as error:
        raise CatalogError(f"{name}: {error}; publish the catalogue again") from None
    return pack


def _places(parts: Sections, count: int, length: int) -> tuple[tuple[int, int], ...]:
    """Where the groups start and end in a file of `length` bytes, which ends with them."""
    places = []
    for _ in range(-(-count // GROUP)):
        size = len(parts.section())
        end = length - len(parts)
        places.append((end - size, end))
    parts.end()
    return tuple(places)


def _check_maps(pack: ReliefPack, data: bytes) -> None:
    view = memoryview(data)
    for number, (start, end) in enumerate(pack.groups):
        maps = pack.unpacked(number, view[start:end])
        for at in range(0, len(maps), MAP_BYTES):
            try:
                unpack_map(maps[at : at + MAP_BYTES])
            except ValueError as error:
                raise CatalogError(str(error)) from None


def _deflated(raw: bytes) -> bytes:
    """Neighbouring nibbles have no patterns, but small ones are more frequent: a search for matches finds none."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    return compressor.compress(raw) + compressor.flush()

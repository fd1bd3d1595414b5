"""Packs of relief maps: each row's own map or none, and nothing of a file that is damaged or another's."""

import struct
from pathlib import Path

import numpy as np
import pytest

from coindex.catalog.packing import frame
from coindex.catalog.relief_pack import GROUP, MAX_MAPS, PackedMaps, PackFile, read_pack, write_pack
from coindex.errors import CatalogError
from coindex.relief import pack_map

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog" / "relief-1.coinrelief"
RELIEF = "0123456789abcdef"
ROWS = range(5, 5 + 3 * 20, 3)


def map_of(row):
    """The map of a row in the golden pack: no other row's."""
    values = (37 * row + 11 * np.arange(2048) + row * np.arange(2048) // 7) % 15 - 7
    return values.astype(np.int8).reshape(8, 32, 8)


def packed(rows):
    return {row: pack_map(map_of(row)) for row in rows}


def opened(data, *, first=1, last=2**32 - 1, relief_id=RELIEF):
    file = PackFile("a.coinrelief", first, last, lambda: data, lambda start, end: data[start:end])
    return PackedMaps(relief_id, [file])


def test_the_golden_pack_of_version_1_is_read_from_now_on_and_still_written():
    golden = GOLDEN.read_bytes()
    pack = read_pack(golden, name=GOLDEN.name, relief_id=RELIEF, maps=20, whole=True)
    assert (pack.relief_id, pack.row_ids.tolist(), len(pack.groups)) == (RELIEF, list(ROWS), 2)
    maps = opened(golden)
    for row in range(1, 80):
        found = maps.get(row)
        assert (found is None) if row not in ROWS else (found == map_of(row)).all()
    assert write_pack(RELIEF, packed(ROWS)) == golden


def test_a_full_pack_and_one_of_a_single_map_give_them_back():
    for rows in (range(1, MAX_MAPS + 1), [2**32 - 1]):
        data = write_pack(RELIEF, packed(rows))
        assert len(read_pack(data, name="a", whole=True).row_ids) == len(rows)
        maps = opened(data)
        assert all((maps.get(row) == map_of(row)).all() for row in (rows[0], rows[-1]))


def test_a_pack_holds_no_fewer_and_no_more_maps_than_a_reader_makes_room_for():
    for rows in ([], range(1, MAX_MAPS + 2)):
        with pytest.raises(ValueError, match="1 to 1024 maps"):
            write_pack(RELIEF, packed(rows))


def test_any_flipped_bit_and_any_cut_is_refused():
    data = write_pack(RELIEF, packed(range(1, 4)))
    for place in range(len(data)):
        spoiled = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        with pytest.raises(CatalogError, match="download the catalogue again"):
            read_pack(spoiled, name="a")
    for end in (0, 51, len(data) - 1):
        with pytest.raises(CatalogError, match="download the catalogue again"):
            read_pack(data[:end], name="a")


def sealed(*, rows=b"", count=1):
    sections = struct.pack("<I", len(rows)) + rows
    return frame(b"COINRLIF", 1, bytes.fromhex(RELIEF) + struct.pack("<I", count) + sections)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (sealed(count=0), "claims 0 maps"),
        (sealed(count=2**32 - 1), "claims 4294967295 maps"),
        (sealed(), "cannot be inflated|do not end"),
        (frame(b"COINRLIF", 1, b"short"), "truncated"),
        (frame(b"COINRLIF", 1, write_pack(RELIEF, packed([1]))[52:] + b"x"), "follow its last part"),
        (frame(b"COINRLIF", 1, write_pack(RELIEF, packed([1]))[52:-1]), "truncated"),
        (frame(b"COINRLIF", 2, b""), "format 2, this coindex reads format 1; update coindex"),
    ],
)
def test_what_no_writer_wrote_is_refused_however_well_sealed(data, problem):
    with pytest.raises(CatalogError, match=problem):
        read_pack(data, name="a", whole=True)


def test_a_pack_of_another_relief_gives_no_map():
    with pytest.raises(CatalogError, match=f"a.coinrelief: its maps are of relief {RELIEF}, expected {RELIEF[::-1]}"):
        opened(write_pack(RELIEF, packed(ROWS)), relief_id=RELIEF[::-1]).get(5)


def test_a_row_beyond_the_range_of_a_pack_has_no_map_of_it():
    data = write_pack(RELIEF, packed([1, 2, 3]))
    assert opened(data, first=2, last=2).get(1) is None
    assert opened(data, first=2, last=2).get(3) is None


def test_a_file_that_is_damaged_after_it_was_looked_at_gives_no_map():
    data = bytearray(write_pack(RELIEF, packed(range(1, 2 * GROUP + 1))))
    file = PackFile("a.coinrelief", 1, 100, lambda: bytes(data), lambda start, end: bytes(data[start:end]))
    maps = PackedMaps(RELIEF, [file])
    assert maps.get(1) is not None
    data[-10] ^= 1
    assert maps.get(2) is not None
    with pytest.raises(CatalogError, match=r"a\.coinrelief: cannot be read.*sync again to repair it"):
        maps.get(GROUP + 1)

"""Frames, and packed numbers and codes."""

import hashlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coindex.catalog.packing import (
    frame,
    pack_ascending,
    pack_codes,
    pack_numbers,
    unframe,
    unpack_ascending,
    unpack_codes,
    unpack_numbers,
)
from coindex.errors import CatalogError

U32 = st.integers(0, 2**32 - 1)
MAGIC = b"COINTEST"


def u32(numbers):
    return np.array(numbers, np.uint32)


def codes(n, seed=0, spread=32):
    drawn = np.random.default_rng(seed).normal(0, spread, (n, 64))
    return np.clip(np.rint(drawn), -127, 127).astype(np.int8)


def test_a_frame_lies_as_the_document_says():
    head = b"COINTEST" + struct.pack("<IQ", 3, 5)
    assert frame(MAGIC, 3, b"hello") == head + hashlib.sha256(head + b"hello").digest() + b"hello"
    assert bytes(unframe(MAGIC, 3, frame(MAGIC, 3, b"hello"), name="a")) == b"hello"


def test_every_flipped_bit_and_every_cut_of_a_frame_is_damage_and_not_a_newer_format():
    whole = frame(MAGIC, 3, b"hello")
    for place in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(CatalogError, match=r"a\.file: .*download the catalogue again"):
            unframe(MAGIC, 3, bytes(flipped), name="a.file")
    for length in range(len(whole)):
        with pytest.raises(CatalogError, match="download the catalogue again"):
            unframe(MAGIC, 3, whole[:length], name="a.file")


def test_another_format_is_told_with_what_to_do():
    with pytest.raises(CatalogError, match=r"format 4, this coindex reads format 3; update coindex"):
        unframe(MAGIC, 3, frame(MAGIC, 4, b""), name="a")
    with pytest.raises(CatalogError, match=r"format 2, this coindex reads format 3; publish the catalogue again"):
        unframe(MAGIC, 3, frame(MAGIC, 2, b""), name="a")


def test_numbers_lie_in_groups_of_seven_bits():
    # 300 = 0b10_0101100
    assert zlib.decompress(pack_numbers(u32([0, 127, 128, 300]))) == bytes([0, 127, 0x80, 1, 0xAC, 2])
    assert zlib.decompress(pack_numbers(u32([2**32 - 1]))) == bytes([0xFF] * 4 + [0x0F])
    assert zlib.decompress(pack_ascending(u32([7, 8, 9, 12]))) == bytes([7, 0, 0, 2])


@given(st.lists(st.one_of(U32, st.integers(0, 300)), max_size=50))
def test_packed_numbers_come_back(numbers):
    assert unpack_numbers(pack_numbers(u32(numbers)), len(numbers)).tolist() == numbers
    ascending = sorted(set(numbers))
    assert unpack_ascending(pack_ascending(u32(ascending)), len(ascending)).tolist() == ascending


@pytest.mark.parametrize("n", [0, 1, 300])
def test_packed_codes_come_back(n):
    assert np.array_equal(unpack_codes(pack_codes(codes(n)), n), codes(n))
    assert unpack_codes(pack_codes(codes(n)), n).shape == (n, 64)


def test_codes_of_the_usual_spread_take_an_eighth_less():
    assert len(pack_codes(codes(1000))) < 57 * 1000


def test_running_ids_take_almost_nothing():
    assert len(pack_ascending(np.arange(5, 100_005, dtype=np.uint32))) < 200


def test_numbers_that_do_not_ascend_are_refused():
    for wrong in ([2, 1], [3, 3]):
        with pytest.raises(ValueError, match="ascend"):
            pack_ascending(u32(wrong))


@pytest.mark.parametrize("unpack", [unpack_numbers, unpack_ascending, unpack_codes])
@pytest.mark.parametrize("wrong", ["one too few", "one too many", "cut", "trailing", "not deflate", "empty"])
def test_packed_data_of_another_count_or_damaged_are_refused(unpack, wrong):
    good = pack_codes(codes(20)) if unpack is unpack_codes else pack_numbers(u32([1, 2, 300] * 20))
    count = 20 if unpack is unpack_codes else 60
    data, count = {
        "one too few": (good, count - 1),
        "one too many": (good, count + 1),
        "cut": (good[:-5], count),
        "trailing": (good + b"\0", count),
        "not deflate": (b"\xff" * 40, count),
        "empty": (b"", count),
    }[wrong]
    with pytest.raises(CatalogError):
        unpack(data, count)


@pytest.mark.parametrize(
    "raw",
    [b"\x80", b"\xff\xff\xff\xff\x10", b"\x80\x80\x80\x80\x80\x00", b"\x80\x80\x80\x80\x80\x80\x80\x01"],
    ids=["without end", "beyond u32", "six groups", "eight groups"],
)
def test_a_number_that_is_no_u32_is_refused(raw):
    with pytest.raises(CatalogError):
        unpack_numbers(zlib.compress(raw), 1)


def test_ids_beyond_u32_and_a_code_of_minus_128_are_refused():
    with pytest.raises(CatalogError, match="u32"):
        unpack_ascending(pack_numbers(u32([2**32 - 1, 0])), 2)
    with pytest.raises(CatalogError, match="-128"):
        unpack_codes(zlib.compress(b"\x80" * 64), 1)


def test_a_deflate_bomb_is_given_up_at_its_first_byte_too_many():
    bomb = zlib.compress(bytes(50_000_000))
    for unpack in (unpack_numbers, unpack_ascending, unpack_codes):
        with pytest.raises(CatalogError, match="do not end"):
            unpack(bomb, 3)

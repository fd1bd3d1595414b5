"""The relief contract: the polar picture, the map's bytes, and scores of whole numbers."""

from math import isqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from coindex.relief import (
    ANGLES,
    CHANNELS,
    HALF,
    INNERMOST,
    MAP_BYTES,
    OUTERMOST,
    OUTPUT_SHAPE,
    RADII,
    RINGS,
    SCORE_ONE,
    STEPS,
    TURNS,
    WRAPPED,
    Look,
    QueryRelief,
    agreement,
    compare,
    net_input,
    pack_map,
    query_relief,
    reference_map,
    relief_id,
    unpack_map,
    unroll,
)


def _relief(seed: int) -> QueryRelief:
    return QueryRelief(np.random.default_rng(seed).integers(-7, 8, OUTPUT_SHAPE[1:]).astype(np.int8))


def _cutout(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, axis=2)


def test_a_quarter_turn_of_the_cutout_shifts_the_polar_picture_by_a_quarter() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (256, 256)).astype(np.uint8)
    upright, turned = unroll(_cutout(grey)), unroll(_cutout(np.ascontiguousarray(np.rot90(grey, -1))))  # clockwise
    assert np.array_equal(np.roll(upright, ANGLES // 4, axis=1), turned)


def test_a_polar_pixel_is_the_cutout_there() -> None:
    grey = np.zeros((256, 256), np.uint8)
    grey[128:, 128:] = 200  # the lower right quarter: angles 0 to 90 degrees, clockwise from the right
    polar = unroll(_cutout(grey))
    assert polar.shape == (RADII, ANGLES)
    assert (polar[:, 4:60] == 200).all() and (polar[:, 68:252] == 0).all()


def test_no_place_of_the_polar_picture_depends_on_the_last_bit_of_a_cosine() -> None:
    radius = INNERMOST + (np.arange(RADII) + 0.5) * (OUTERMOST - INNERMOST) / RADII
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    for along in (np.cos(angle), np.sin(angle)):
        places = 256 * ((HALF - 1) / 2 + radius[:, None] * along[None, :]) + 0.5
        assert np.abs(places - np.round(places)).min() > 1e-6
        assert places.min() > 0 and places.max() < 256 * (HALF - 1)


def test_the_nets_picture_goes_round() -> None:
    polar = np.random.default_rng(1).integers(0, 256, (RADII, ANGLES)).astype(np.uint8)
    picture = net_input(polar)[:, :, 0]
    assert picture.shape == (RADII, ANGLES + 2 * WRAPPED)
    assert np.array_equal(picture[:, :ANGLES], np.roll(polar, WRAPPED, axis=1))
    assert np.array_equal(picture[:, -ANGLES:], np.roll(polar, -WRAPPED, axis=1))


def test_a_relief_is_the_nets_numbers_in_sixteenths_half_up() -> None:
    output = np.zeros(OUTPUT_SHAPE[1:], np.int8)
    output[0, 0] = [-128, -1, 6, 7, 14, 30, 110, 127]
    assert query_relief(output, -1).values[0, 0].tolist() == [-7, 0, 0, 1, 1, 2, 7, 7]


def test_packing_a_map_and_unpacking_it_changes_nothing() -> None:
    values = reference_map(_relief(2))
    content = pack_map(values)
    assert len(content) == MAP_BYTES == 1024
    assert np.array_equal(unpack_map(content), values)


def test_the_first_number_of_a_byte_is_its_low_half() -> None:
    values = np.zeros((RINGS, STEPS, CHANNELS), np.int8)
    values[0, 0, 0], values[0, 0, 1], values[7, 31, 7] = 1, -1, -7
    content = pack_map(values)
    assert content[0] == 0xF1 and content[-1] == 0x90 and not any(content[1:-1])


@pytest.mark.parametrize("content", [b"", bytes(1023), bytes(1025), b"\x08" + bytes(1023), b"\x80" + bytes(1023)])
def test_bytes_that_no_map_makes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="relief map"):
        unpack_map(content)


@pytest.mark.parametrize("values", [np.zeros((8, 32, 8), np.int16), np.zeros((8, 64, 8), np.int8)])
def test_what_is_no_map_is_not_packed(values: NDArray[np.int8]) -> None:
    with pytest.raises(ValueError, match="expected a map"):
        pack_map(values)


def test_values_beyond_seven_are_not_packed() -> None:
    with pytest.raises(ValueError, match="±7"):
        pack_map(np.full((RINGS, STEPS, CHANNELS), 8, np.int8))


def test_a_coin_that_lies_turned_is_found_at_that_turn_with_the_full_score() -> None:
    upright = QueryRelief(np.repeat(_relief(3).values[:, ::2], 2, axis=1))  # both phases alike
    for turn in (0, 2, 40, 62):
        turned = QueryRelief(np.roll(upright.values, turn, axis=1))
        (match,) = compare(turned, reference_map(upright)[None])
        assert match.score in (SCORE_ONE - 1, SCORE_ONE)
        assert match.turn in (turn, turn + 1)
    assert compare(QueryRelief(np.roll(upright.values, 16, axis=1)), reference_map(upright)[None])[0].angle == 90.0


def test_scores_are_those_of_plain_integer_loops() -> None:
    relief, maps = _relief(4), np.stack([reference_map(_relief(seed)) for seed in (5, 6, 4)])
    for match, values in zip(compare(relief, maps), maps, strict=True):
        sums = []
        for turn in range(TURNS):
            shifted = relief.values[:, (turn + 2 * np.arange(STEPS)) % TURNS]
            sums.append(int((shifted.astype(np.int64) * values).sum()))
        best = max(sums)
        length = isqrt(5_000 * int((relief.values.astype(np.int64) ** 2).sum()))
        other = isqrt(10_000 * int((values.astype(np.int64) ** 2).sum()))
        assert match.turn == sums.index(best)
        assert match.score == min(10_000 * 10_000 * best // (length * other), SCORE_ONE)


def test_the_largest_sums_are_exact() -> None:
    """Products of ±7 add up to 100,352 at most: float32 holds them."""
    full = QueryRelief(np.full(OUTPUT_SHAPE[1:], 7, np.int8))
    assert compare(full, np.full((1, RINGS, STEPS, CHANNELS), 7, np.int8))[0].score == SCORE_ONE
    assert compare(full, np.full((1, RINGS, STEPS, CHANNELS), -7, np.int8))[0].score == 0


def test_a_blank_map_is_like_nothing() -> None:
    blank = np.zeros((1, RINGS, STEPS, CHANNELS), np.int8)
    assert compare(_relief(7), blank)[0].score == 0
    assert compare(QueryRelief(np.zeros(OUTPUT_SHAPE[1:], np.int8)), blank)[0].score == 0


def test_another_net_gives_another_relief_id() -> None:
    assert relief_id("a" * 64) != relief_id("b" * 64)
    assert len(relief_id("a" * 64)) == 16


def test_a_look_that_looks_at_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        Look(0, 8, 1)


def test_cells_agree_by_their_strength_where_they_are_the_same_and_differ_where_nothing_is_shared() -> None:
    values = np.full(OUTPUT_SHAPE[1:], 4, np.int8)
    photo = QueryRelief(np.roll(values, 6, axis=1))
    even = photo.map
    assert (agreement(photo, even, 6) == 100).all()
    # Orthogonal: half of a cell's numbers are negative.
    crossed = even.copy()
    crossed[:, :, ::2] *= -1
    assert (agreement(photo, crossed, 6) == -100).all()
    # A faint cell among strong ones, the same in both: 1/16 of their squares, of a mean just below them.
    values[0, 0:2], even[0, 0] = 1, 1
    assert agreement(QueryRelief(values), even, 0)[0, 0] == 6
    assert (agreement(QueryRelief(np.zeros_like(values)), np.zeros_like(even), 0) == 0).all()


def test_agreement_is_of_the_cells_of_one_turn_alone() -> None:
    reference = _relief(9)
    photo = QueryRelief(np.roll(reference.values, 7, axis=1))
    half = reference.map
    half[:, STEPS // 2 :] *= -1
    cells = agreement(photo, half, 7)
    assert (cells[:, : STEPS // 2] > 0).all() and (cells[:, STEPS // 2 :] < 0).all()

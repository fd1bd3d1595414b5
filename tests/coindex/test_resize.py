"""The two resize functions against hand-worked cases and a slow reference in exact fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.resize import axis_taps, resize


def row(*values):
    return np.array([values], np.uint8)


def weights(n, m):
    """The definition, in exact fractions: how much of each of `n` inputs goes into each of `m` outputs."""
    table = []
    for j in range(m):
        line = [Fraction(0)] * n
        if m <= n:
            begin, end = Fraction(j * n, m), Fraction((j + 1) * n, m)
            for i in range(n):
                line[i] = max(min(end, i + 1) - max(begin, i), Fraction(0)) * Fraction(m, n)
        else:
            centre = min(max(Fraction(2 * j + 1, 2) * Fraction(n, m) - Fraction(1, 2), Fraction(0)), Fraction(n - 1))
            low = floor(centre)
            line[low] += 1 - (centre - low)
            line[min(low + 1, n - 1)] += centre - low
        table.append(line)
    return table


def reference(image, width, height):
    rows, columns = weights(image.shape[0], height), weights(image.shape[1], width)
    out = np.zeros((height, width), np.uint8)
    for y, across in enumerate(rows):
        for x, down in enumerate(columns):
            value = sum(a * b * int(image[i, j]) for i, a in enumerate(across) if a for j, b in enumerate(down) if b)
            out[y, x] = floor(value + Fraction(1, 2))
    return out


def test_area_average_of_two_pixels_rounds_half_up():
    assert resize(row(0, 1), 1, 1) == 1
    assert resize(row(254, 255), 1, 1) == 255
    assert resize(row(0, 0, 0, 1), 1, 1) == 0  # a quarter
    assert resize(row(0, 1, 0, 1), 1, 1) == 1  # a half
    assert resize(row(0, 1, 1, 1), 1, 1) == 1


def test_three_pixels_to_two_share_the_middle_one():
    # Output 0 covers input 0 and half of input 1: (2·10 + 1·40) / 3 = 20; output 1: (1·40 + 2·100) / 3 = 80.
    assert resize(row(10, 40, 100), 2, 1).tolist() == [[20, 80]]


def test_five_pixels_to_three_share_by_thirds_and_fifths():
    # On a grid of 15 units: weights (3 2 0 0 0), (0 1 3 1 0), (0 0 0 2 3), each over 5.
    taps = axis_taps(5, 3)
    dense = np.zeros((3, 5), int)
    np.add.at(dense, (np.arange(3)[:, None], taps.index), taps.weight)
    assert taps.denominator == 5
    assert dense.tolist() == [[3, 2, 0, 0, 0], [0, 1, 3, 1, 0], [0, 0, 0, 2, 3]]
    assert resize(row(10, 20, 30, 40, 50), 3, 1).tolist() == [[14, 30, 46]]


def test_two_pixels_to_four_interpolate_between_centres():
    # Centres at -1/4 (held at 0), 1/4, 3/4 and 5/4 (held at 1) of the two inputs.
    assert resize(row(0, 100), 4, 1).tolist() == [[0, 25, 75, 100]]


def test_linear_interpolation_rounds_half_up():
    # Two pixels to four: 1/4 of 2 is a half, 3/4 of 2 is one and a half.
    assert resize(row(0, 2), 4, 1).tolist() == [[0, 1, 2, 2]]


def test_two_pixels_to_three_meet_in_the_middle():
    assert resize(row(0, 255), 3, 1).tolist() == [[0, 128, 255]]


def test_each_axis_picks_its_own_function():
    # Down the height: averages 2 and 4; along the width: linear from 2 to 4 over four pixels.
    image = np.array([[0, 2], [4, 6]], np.uint8)
    # 2, 2.5 → 3, 3.5 → 4, 4
    assert resize(image, 4, 1).tolist() == [[2, 3, 4, 4]]
    # Along the width: averages 1 and 5; down the height: linear 1, 2, 4, 5.
    assert resize(image, 1, 4)[:, 0].tolist() == [1, 2, 4, 5]


def test_rounding_happens_once_and_not_after_each_axis():
    # Rounded after each axis, 0 and 1/2 would be 0 and 1, and their mean 1; in one go it is a quarter.
    assert resize(np.array([[0, 1], [0, 0]], np.uint8), 1, 1) == 0


def test_the_worked_example_of_the_documentation():
    image = np.array([[0, 10, 20], [30, 41, 50]], np.uint8)
    # Width 3 → 2 by area: (0·2+10, 10+20·2) / 3 and (30·2+41, 41+50·2) / 3; height 2 → 3 linear at 0, 1/2 and 1.
    # Over the denominator 6·3 = 18: 60 300 / 333 573 / 606 846, plus 9, divided by 18, rounded down.
    assert resize(image, 2, 3).tolist() == [[3, 17], [19, 32], [34, 47]]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_the_same_size_changes_nothing(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert (resize(image, width, height) == image).all()


@given(st.integers(0, 255), *[st.integers(1, 70)] * 4)
@settings(max_examples=60, deadline=None)
def test_one_colour_stays_that_colour(value, height, width, new_height, new_width):
    assert (resize(np.full((height, width), value, np.uint8), new_width, new_height) == value).all()


@given(st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_the_weights_of_each_output_sum_to_the_denominator(n, m):
    taps = axis_taps(n, m)
    assert (taps.weight.sum(axis=1) == taps.denominator).all()
    assert (taps.weight >= 0).all()
    assert taps.index.min() >= 0
    assert taps.index.max() < n


@given(st.integers(0, 2**32 - 1), *[st.sampled_from([1, 2, 3, 5, 7, 8, 11, 13, 16, 17])] * 4)
@settings(max_examples=60, deadline=None)
def test_every_pixel_equals_the_reference_in_fractions(seed, height, width, new_height, new_width):
    image = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    assert (resize(image, new_width, new_height) == reference(image, new_width, new_height)).all()


@pytest.mark.parametrize(("n", "m"), [(97, 31), (101, 100), (31, 97), (256, 41), (41, 256), (2, 251)])
def test_long_prime_axes_equal_the_reference_in_fractions(n, m):
    image = np.random.default_rng(n).integers(0, 256, (n, 1)).astype(np.uint8)
    assert (resize(image, 1, m) == reference(image, 1, m)).all()
    assert (resize(image.T, m, 1) == reference(image, 1, m).T).all()


@pytest.mark.parametrize("shape", [(3024, 6), (6, 4032), (3023, 4), (4, 4001)])
def test_a_twelve_megapixel_axis_is_averaged_exactly(shape):
    image = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    image[:, -1] = 255
    height, width = min(shape[0], 256), min(shape[1], 256)
    rows, columns = axis_taps(shape[0], height), axis_taps(shape[1], width)
    # The same sums in int64, which overflows nowhere near.
    down = (image.astype(np.int64)[rows.index] * rows.weight[:, :, None]).sum(axis=1)
    total = (down[:, columns.index] * columns.weight).sum(axis=2)
    scale = rows.denominator * columns.denominator
    assert (resize(image, width, height) == (2 * total + scale) // (2 * scale)).all()


def test_channels_do_not_mix():
    image = np.random.default_rng(2).integers(0, 256, (9, 14, 3)).astype(np.uint8)
    out = resize(image, 5, 20)
    for channel in range(3):
        assert (out[:, :, channel] == resize(image[:, :, channel], 5, 20)).all()


def test_a_read_only_slice_is_resized_and_not_written_to():
    image = np.random.default_rng(3).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    image.flags.writeable = False
    assert (resize(image[::2, ::-3], 4, 4) == resize(np.ascontiguousarray(image[::2, ::-3]), 4, 4)).all()


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (-1, 5)])
def test_a_size_below_one_is_refused(size):
    with pytest.raises(ValueError, match="at least 1"):
        resize(row(1, 2), *size)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 4, 3)])
def test_an_empty_image_is_refused(shape):
    with pytest.raises(ValueError, match="at least 1"):
        resize(np.zeros(shape, np.uint8), 2, 2)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros(4, np.uint8), np.zeros((1, 4, 4, 3), np.uint8)])
def test_anything_but_uint8_pictures_is_refused(image):
    with pytest.raises(ValueError, match="expected uint8"):
        resize(image, 2, 2)


def test_taps_are_in_lowest_terms_and_know_which_of_them_are_full():
    # Six pixels to four are three to two, twice: (2 1), (1 2). Seven to two: half of the fourth pixel goes to either.
    taps = axis_taps(6, 4)
    assert taps.denominator == 3
    assert taps.weight.tolist() == [[2, 1], [1, 2], [2, 1], [1, 2]]
    assert not taps.full.any()
    assert axis_taps(7, 2).weight.tolist() == [[2, 2, 2, 1], [1, 2, 2, 2]]
    assert axis_taps(7, 2).full.tolist() == [False, True, True, False]


@given(st.integers(0, 2**32 - 1), *[st.integers(1, 40)] * 4, st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_a_canvas_is_the_image_on_black(seed, height, width, new_height, new_width, below, beside):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    made = np.pad(image, ((0, below), (0, beside), (0, 0)))
    expected = resize(made, new_width, new_height)
    assert (resize(image, new_width, new_height, canvas=(width + beside, height + below)) == expected).all()


def test_at_the_seam_of_a_canvas_the_image_blends_with_black():
    # Three rows of 90 and one of black, to two: the second output is half image.
    assert resize(np.full((3, 2), 90, np.uint8), 1, 2, canvas=(2, 4)).tolist() == [[90], [45]]


def test_a_canvas_smaller_than_the_image_is_refused():
    with pytest.raises(ValueError, match="cannot hold"):
        resize(row(1, 2, 3), 2, 1, canvas=(2, 1))


@pytest.mark.parametrize("size", [(41, 13), (13, 41), (41, 90)])
def test_strips_leave_no_trace(size, monkeypatch):
    image = np.random.default_rng(4).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    whole = resize(image, *size)
    for numbers in (1, 500):
        monkeypatch.setattr("coindex.resize.STRIP", numbers)
        assert (resize(image, *size) == whole).all()
        assert (resize(image, *size, canvas=(60, 90)) == resize(np.pad(image, ((0, 53), (0, 7), (0, 0))), *size)).all()


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_any_number_of_channels_is_resized(channels):
    image = np.random.default_rng(5).integers(0, 256, (21, 30, channels)).astype(np.uint8)
    alone = [resize(image[:, :, channel], 40, 8) for channel in range(channels)]
    assert (resize(image, 40, 8) == np.stack(alone, axis=2)).all()


def test_white_stays_white_where_its_sums_need_more_than_32_bits():
    # Primes, so that no common divisor makes the sums smaller: 255 · 65,521 · 263 > 2**32.
    assert (resize(np.full((65_521, 263), 255, np.uint8), 2, 3) == 255).all()


def test_a_height_that_float32_cannot_sum_is_refused():
    assert (resize(np.full((65_793, 1), 255, np.uint8), 1, 3) == 255).all()
    with pytest.raises(ValueError, match="65,000"):
        resize(np.full((65_794, 1), 255, np.uint8), 1, 3)

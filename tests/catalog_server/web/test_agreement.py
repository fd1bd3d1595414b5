"""The overlay of a comparison, and its words: the same parts of a coin that the phone app names."""

import io

import numpy as np
import pytest
from PIL import Image

from catalog_server.web.agreement import PLACES, Summary, overlay, summary


def differing(steps):
    """Cells that agree but for those of some steps of the outer rings."""
    cells = np.full((8, 32), 100, np.int8)
    cells[3:, [step % 32 for step in steps]] = -100
    return cells


def differs(png, x, y):
    red, _, blue, alpha = np.asarray(Image.open(io.BytesIO(png)))[y, x].tolist()
    return red > blue and alpha > 100


def test_what_differs_at_the_references_right_lies_at_the_photos_bottom_where_the_coin_is_a_quarter_further():
    right = differing(range(-2, 3))
    as_it_is, quarter = overlay(right, 0), overlay(right, 16)
    assert [differs(as_it_is, *place) for place in ((58, 32), (32, 58), (5, 32))] == [True, False, False]
    assert [differs(quarter, *place) for place in ((58, 32), (32, 58))] == [False, True]
    assert [summary(right, turn).differs for turn in (0, 16, 24)] == [PLACES[0], PLACES[2], PLACES[3]]


def test_nothing_is_laid_over_what_lies_beyond_the_coin_nor_where_the_two_are_half_alike():
    assert np.asarray(Image.open(io.BytesIO(overlay(differing([]), 0))))[0, 0, 3] == 0
    assert not np.asarray(Image.open(io.BytesIO(overlay(np.zeros((8, 32), np.int8), 0))))[:, :, 3].any()


@pytest.mark.parametrize("number", range(8))
def test_each_direction_has_its_words(number):
    assert summary(differing([4 * number - 1, 4 * number, 4 * number + 1]), 0).differs == PLACES[number]


def test_the_middle_has_its_words_and_the_share_is_of_the_area():
    middle = np.full((8, 32), 100, np.int8)
    assert summary(middle, 5) == Summary(100, None)
    middle[:3] = -100
    # Rings 3 to 7 are 27.1875 to 62.5 of 6 to 62.5.
    assert summary(middle, 5) == Summary(round(100 * (62.5**2 - 27.1875**2) / (62.5**2 - 36)), PLACES[8])

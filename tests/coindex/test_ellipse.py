"""Ellipses of masks, by hand."""

import cv2
import numpy as np
import pytest

from coindex.ellipse import ellipse_of


def ellipse(a, b, degrees, size=201):
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, (size // 2, size // 2), (a, b), degrees, 0, 360, 255, -1)
    return mask > 0


def disc(size):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.hypot(x, y) <= size / 2


def test_the_map_of_an_ellipse_by_hand():
    # Semi-axes 80 and 56 about (100, 100), in pixels: the unit disc's x is stretched by 80, its y by 56.
    straight = ellipse_of(ellipse(80, 56, 0))
    assert straight.from_circle == pytest.approx(np.array([[80, 0, 100], [0, 56, 100]]), abs=0.6)
    assert straight.aspect == pytest.approx(0.7, abs=0.01)
    # √C turned by 45 degrees: the mean of the axes on the diagonal, half their difference beside it.
    turned = ellipse_of(ellipse(80, 56, 45))
    assert turned.from_circle == pytest.approx(np.array([[68, 12, 100], [12, 68, 100]]), abs=0.8)


def test_the_moments_of_four_pixels_by_hand():
    mask = np.zeros((3, 5), bool)
    mask[0, :2] = mask[1, 1:3] = True
    # x: 0, 1, 1, 2, mean 1, variance 0.5; y: 0, 0, 1, 1, mean 0.5, variance 0.25; together (0 + 0 + 1 + 2) / 4 - 0.5.
    found = ellipse_of(mask)
    assert (found.x, found.y, found.xx, found.xy, found.yy) == (1, 0.5, 0.5, 0.25, 0.25)
    assert found.filled == pytest.approx(4 / (4 * np.pi * 0.25))


def test_a_disc_fills_its_ellipse_and_is_drawn_as_it_was():
    found = ellipse_of(disc(256))
    assert found.filled == pytest.approx(1, abs=1e-3)
    assert found.from_circle == pytest.approx(np.array([[128, 0, 127.5], [0, 128, 127.5]]), abs=0.02)
    assert (found.drawn(256, 256) != disc(256)).sum() < 20


def test_a_hole_does_not_make_an_ellipse_less_of_one():
    mask = ellipse(80, 56, 20)
    assert ellipse_of(mask & ~ellipse(16, 11, 20)) == ellipse_of(mask)


@pytest.mark.parametrize(
    ("mask", "filled"),
    [
        # Area 4h² over 4π·h²/3: 3/π.
        (np.full((100, 100), True), 3 / np.pi),
        # A disc that loses a fifth of its width, and one that another covers by a quarter of it.
        (disc(200) & (np.arange(200) < 160), 0.982),
        (disc(200) & ~np.pad(disc(200), ((0, 0), (150, 0)))[:, :200], 0.960),
    ],
    ids=["square", "cut", "covered"],
)
def test_what_is_no_ellipse_fills_less_of_it(mask, filled):
    assert ellipse_of(mask).filled == pytest.approx(filled, abs=0.003)


def test_nothing_and_a_line_have_no_ellipse():
    line = np.zeros((9, 9), bool)
    assert ellipse_of(line) is None
    line[4, 2:7] = True
    assert ellipse_of(line) is None

"""The embedder's picture of a coin, by hand where it can be."""

import hashlib
from math import floor, sqrt

import cv2
import numpy as np
import pytest

from coindex.cutout import SIZE, Box, cut_out, mask_box, square_around, take_square
from coindex.cutout import _grey as grey_of
from coindex.cutout import _sampled as sampled

cv2.setNumThreads(1)


def disc(size, radius=None):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.where(np.hypot(x, y) <= (size / 2 if radius is None else radius), 255, 0).astype(np.uint8)


def relief(size, seed=0):
    """Smooth relief of a struck coin's contrast, as grey RGB between 60 and 190."""
    noise = np.random.default_rng(seed).normal(size=(size, size))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    grey = 125 + 65 * smooth / np.abs(smooth).max()
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def test_the_box_of_a_mask_is_tight_and_counts_from_128():
    mask = np.zeros((10, 12), np.uint8)
    mask[3, 4], mask[6, 9] = 128, 255
    mask[0, 0] = 127
    assert mask_box(mask) == Box(4, 3, 6, 4)


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="no coin"):
        cut_out(relief(20), np.full((20, 20), 127, np.uint8))


@pytest.mark.parametrize(
    ("box", "square"),
    [
        (Box(10, 20, 8, 4), Box(10, 18, 8, 8)),
        (Box(10, 20, 4, 8), Box(8, 20, 8, 8)),
        (Box(10, 20, 7, 4), Box(10, 18, 7, 7)),  # (4 - 7) / 2 rounds down: one more row above than below
        (Box(0, 0, 1, 6), Box(-3, 0, 6, 6)),
    ],
)
def test_the_square_keeps_the_centre_and_takes_the_longer_side(box, square):
    assert square_around(box) == square


def test_the_margin_is_a_share_of_the_longer_side_on_every_edge_rounded_half_up():
    assert square_around(Box(100, 100, 20, 10), margin=0.15) == Box(97, 92, 26, 26)
    assert square_around(Box(100, 100, 10, 10), margin=0.15) == Box(98, 98, 14, 14)  # 1.5 becomes 2


def test_a_box_beyond_the_picture_is_black_there():
    image = np.full((4, 5), 9, np.uint8)
    out = take_square(image, Box(-1, 2, 4, 4))
    assert out.tolist() == [[0, 9, 9, 9], [0, 9, 9, 9], [0, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("box", [Box(50, 0, 3, 3), Box(0, -9, 3, 3), Box(-3, 0, 3, 3), Box(5, 4, 3, 3)])
def test_a_box_outside_the_picture_is_all_black(box):
    assert not take_square(np.full((4, 5, 3), 9, np.uint8), box).any()


def test_outside_the_mask_a_cutout_is_exactly_black_and_inside_it_is_not():
    mask = disc(200, 80)
    cutout = cut_out(relief(200), mask)
    inside = disc(SIZE, 80 * SIZE / 160)
    assert cutout.shape == (SIZE, SIZE, 3)
    assert cutout.dtype == np.uint8
    # A ring of pixels is left out: there the resized mask decides.
    near = cv2.dilate(inside, np.ones((5, 5), np.uint8))
    assert not cutout[near == 0].any()
    assert cutout[cv2.erode(inside, np.ones((5, 5), np.uint8)) > 0].all()


def test_what_lies_around_the_coin_does_not_change_its_cutout():
    mask, rgb = disc(200, 80), relief(200)
    other = np.where(mask[:, :, None] >= 128, rgb, 255 - rgb)
    inner = cv2.erode(disc(SIZE), np.ones((5, 5), np.uint8)) > 0
    # Only the coin's edge pixels, blended by the resize, may differ, and through them their windows by a little.
    difference = np.abs(cut_out(rgb, mask).astype(int) - cut_out(other, mask))[inner]
    assert difference.mean() < 1


def test_a_flat_coin_is_mid_grey():
    cutout = cut_out(np.full((300, 300, 3), 77, np.uint8), disc(300))
    assert set(np.unique(cutout)) == {0, 128}


def test_brighter_and_stronger_light_leave_the_cutout_nearly_unchanged():
    mask, rgb = disc(SIZE), relief(SIZE)
    inside = mask >= 128
    usual = cut_out(rgb, mask).astype(int)[inside]
    assert usual.std() > 25
    brighter = cut_out(rgb + np.uint8(50), mask).astype(int)[inside]
    assert np.abs(brighter - usual).max() == 0  # an offset is the mean's alone
    dimmer = cut_out((rgb * 0.6).astype(np.uint8), mask).astype(int)[inside]
    assert np.abs(dimmer - usual).mean() < 8  # the noise floor weighs a little more
    side = np.linspace(0.7, 1.3, SIZE)[None, :, None]
    slanted = cut_out((rgb * side).astype(np.uint8), mask).astype(int)[inside]
    assert np.abs(slanted - usual).mean() < 8


def test_colour_enters_by_its_luma_alone():
    # (77·200 + 150·100 + 29·50 + 128) / 256 = 124.9…, rounded down to 124 after the half is added.
    coloured, grey = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE, 3), np.uint8)
    coloured[:], grey[:] = (200, 100, 50), 124
    for image in (coloured, grey):
        image[100:150, 100:150] = 20
    assert (77 * 200 + 150 * 100 + 29 * 50 + 128) >> 8 == 124
    assert (cut_out(coloured, disc(SIZE)) == cut_out(grey, disc(SIZE))).all()


def by_definition(grey, inside, x, y, half):
    """One pixel of local contrast, term by term."""
    height, width = grey.shape
    window = [
        int(grey[v, u])
        for v in range(max(y - half, 0), min(y + half + 1, height))
        for u in range(max(x - half, 0), min(x + half + 1, width))
        if inside[v, u]
    ]
    mean = sum(window) / len(window)
    deviation = sqrt(max(sum(value * value for value in window) / len(window) - mean * mean, 0))
    return min(max(floor(128 + 40 * (grey[y, x] - mean) / (deviation + 8) + 0.5), 0), 255)


def test_one_bright_pixel_by_hand():
    # A window of 41 × 41 = 1681 pixels of 100, one of them 200: mean 100.0595, deviation 2.4384,
    # 128 + 40 · 99.9405 / 10.4384 = 510.97, held at 255; its neighbours 128 - 40 · 0.0595 / 10.4384 = 127.77, so 128.
    rgb = np.full((SIZE, SIZE, 3), 100, np.uint8)
    rgb[120, 130] = 200
    cutout = cut_out(rgb, np.full((SIZE, SIZE), 255, np.uint8))
    assert (cutout[120, 130], cutout[120, 131]) == (pytest.approx([255] * 3), pytest.approx([128] * 3))


def test_one_step_by_hand():
    # On the border of two halves, 100 and 140, a window centred on the last column of 100 holds 21 columns of 100 and
    # 20 of 140: mean 119.512, deviation 19.994, 128 - 40 · 19.512 / 27.994 = 100.12, so 100.
    rgb = np.full((SIZE, SIZE, 3), 100, np.uint8)
    rgb[:, 128:] = 140
    assert cut_out(rgb, np.full((SIZE, SIZE), 255, np.uint8))[128, 127].tolist() == [100] * 3


@pytest.mark.parametrize("size", [SIZE, 64])
def test_pixels_anywhere_equal_the_definition(size):
    mask, rgb = disc(size), relief(size)
    mask[:, size // 2 :] = 255  # no ellipse, so nothing is stretched
    cutout = cut_out(rgb, mask, size=size)
    half = 41 * size // 512  # 20 of 256, 5 of 64
    grey, inside = rgb[:, :, 0], mask >= 128
    middle = size // 2
    for x, y in (
        (middle, middle),
        (middle, 1),
        (middle + 3, 2),
        (2, middle),
        (size // 4, size // 4),
        (size - 2, middle),
    ):
        assert inside[y, x]
        assert cutout[y, x].tolist() == [by_definition(grey, inside, x, y, half)] * 3


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_a_tilted_coin_is_stretched_back_to_its_circle(degrees, monkeypatch):
    # What a camera that leans by 40 degrees sees: one axis shortened to 0.77.
    size, short = 200, 0.77
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    axes = np.array([[c, -s], [s, c]])
    shorten = axes @ np.diag([1, short]) @ axes.T
    centre = (size - 1) / 2
    affine = np.hstack([shorten, (np.full(2, centre) - shorten @ np.full(2, centre))[:, None]])
    rgb, mask = relief(size), disc(size, 90)
    leaning = [cv2.warpAffine(image, affine, (size, size)) for image in (rgb, mask)]
    straight, stretched = cut_out(rgb, mask).astype(int), cut_out(*leaning).astype(int)
    inner = cv2.erode(disc(SIZE), np.ones((9, 9), np.uint8)) > 0
    assert np.abs(stretched - straight)[inner].mean() < 6
    monkeypatch.setattr("coindex.cutout.LEAST_FILLED", 2.0)
    assert np.abs(cut_out(*leaning).astype(int) - straight)[inner].mean() > 12  # as it would be unstretched


@pytest.mark.parametrize("shape", ["square", "cut", "slender"])
def test_what_is_no_tilted_disc_is_not_stretched(shape, monkeypatch):
    rgb, mask = relief(200), disc(200)
    if shape == "square":
        mask[:] = 255
    elif shape == "cut":
        mask[:, 160:] = 0
    else:
        mask = np.zeros_like(mask)
        cv2.ellipse(mask, (100, 100), (90, 40), 30, 0, 360, 255, -1)
    cutout = cut_out(rgb, mask)
    monkeypatch.setattr("coindex.cutout.LEAST_FILLED", 2.0)
    assert (cutout == cut_out(rgb, mask)).all()


def test_between_pixels_the_four_around_are_weighed_in_256ths():
    image = np.zeros((4, 4), np.uint8)
    image[1, 1], image[1, 2], image[2, 1], image[2, 2] = 10, 90, 50, 250
    # The unit disc's corner pixel (0, 0) lies at (-0.75, -0.75); a map without extent puts all at (1.25, 1.5).
    (value,) = set(sampled(image, np.array([[0, 0, 1.25], [0, 0, 1.5]])).ravel().tolist())
    # Columns 3/4 and 1/4, rows halves: (0.75·10 + 0.25·90 + 0.75·50 + 0.25·250) / 2 = 65.
    assert value == 65


def test_on_the_last_column_and_row_a_place_is_a_pixel_and_beyond_them_the_last_one():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    for x, y, value in ((3, 3, 15), (3, 1, 7), (3, 1.5, 9), (0.5, 3, 13), (9, -9, 3), (-9, 9, 12)):
        assert set(sampled(image, np.array([[0, 0, x], [0, 0, y]])).ravel().tolist()) == {value}


def test_pictures_are_sampled_together_as_they_are_alone():
    two = np.random.default_rng(1).integers(0, 256, (2, 32, 32)).astype(np.uint8)
    two[:, :, -1] = 255
    tilt = np.array([[14.0, 3, 16], [3, 12, 15.2]])
    assert (sampled(two, tilt) == [sampled(one, tilt) for one in two]).all()


def test_grey_is_luma_in_256ths_up_to_white():
    levels = np.array([0, 1, 2, 127, 128, 254, 255], np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(7, 49, 3)
    by_hand = [[(77 * int(r) + 150 * int(g) + 29 * int(b) + 128) // 256 for r, g, b in line] for line in rgb]
    assert grey_of(rgb).tolist() == by_hand


def test_a_smaller_cutout_shows_the_same_relief():
    mask, rgb = disc(SIZE), relief(SIZE)
    large, small = cut_out(rgb, mask), cut_out(rgb, mask, size=128)
    shrunk = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA).astype(int)
    inner = cv2.erode(disc(128), np.ones((5, 5), np.uint8)) > 0
    assert np.abs(shrunk - small)[inner].mean() < 6


def test_a_coin_cut_by_the_photos_edge_keeps_its_place_in_the_square():
    rgb, mask = relief(200), disc(200)
    half = cut_out(rgb[:, :100], mask[:, :100])
    # The box is 100 wide and 200 high: the square adds 50 black columns on either side.
    assert not half[:, : 64 - 1].any()
    assert half[:, 66:190].any()
    assert not half[:, 192 + 1 :].any()


def test_the_cutout_contract_is_unchanged():
    # A change here means that catalogues and models of other versions no longer belong together: raise CUTOUT_VERSION,
    # so that the space id says so, and only then write down the new hash.
    i = np.arange(90 * 80 * 3, dtype=np.int64)
    rgb = ((i * i * 31 + i * 17) // 7 % 251).astype(np.uint8).reshape(90, 80, 3)
    y, x = np.mgrid[:90, :80]
    mask = np.where((x - 38) ** 2 + (y - 47) ** 2 + (x - 38) * (y - 47) // 2 <= 30 * 30, 255, 0).astype(np.uint8)
    digest = hashlib.sha256(cut_out(rgb, mask).tobytes()).hexdigest()
    assert digest == "e3f35c80267b1c181eec1a6de4eb5b46f37ff2b102d4d3141a5a98124624aa41"

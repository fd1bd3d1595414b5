"""Single steps of recognition in C++ give the bytes that Python gives, on pictures that are drawn."""

import cv2
import numpy as np
import pytest

from coindex.codes import quantise
from coindex.cutout import Box, cut_out, take_square
from coindex.resize import resize
from coindex.segmentation import regions


@pytest.fixture
def rng():
    return np.random.default_rng(17)


def test_every_window_of_a_picture_is_resized_to_the_same_bytes(library, rng):
    for _ in range(150):
        height, width = rng.integers(1, 400, 2)
        shape = (height, width, 3) if rng.integers(2) else (height, width)
        picture = rng.integers(0, 256, shape).astype(np.uint8)
        x, y = map(int, rng.integers(-80, 250, 2))
        wide, high = map(int, rng.integers(1, 600, 2))
        to_width, to_height = map(int, rng.integers(1, 300, 2))
        mine = library.resize(picture, (x, y, wide, high), to_width, to_height)
        expected = resize(take_square(picture, Box(x, y, wide, high)), to_width, to_height)
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize(("width", "height"), [(4032, 3024), (1, 60_000), (9001, 7), (3, 2)])
def test_a_picture_of_any_size_is_resized_to_the_same_bytes(library, rng, width, height):
    picture = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    mine = library.resize(picture, (0, 0, width, height), 256, 256)
    np.testing.assert_array_equal(mine, resize(picture, 256, 256))


def test_extreme_pixels_overflow_no_sum(library):
    white = np.full((257 * 4, 65_000 // 16, 3), 255, np.uint8)
    assert (library.resize(white, (0, 0, white.shape[1], white.shape[0]), 256, 255) == 255).all()


def blobs(rng, blur):
    logits = cv2.GaussianBlur(rng.normal(size=(256, 256, 2)).astype(np.float32), (0, 0), blur)
    logits[:, :, 1] -= 0.3 * logits[:, :, 1].std()
    return logits


def test_logits_give_the_same_regions_in_the_same_order(library, rng):
    parted = 0
    for blur in (4, 6, 8, 12, 20, 30, 40):
        logits = blobs(rng, blur)
        expected = regions(logits)
        mine = library.regions(logits)
        assert [numbers for numbers, _ in mine] == [
            [region.box.x, region.box.y, region.box.width, region.box.height, region.area] for region in expected
        ]
        for (_, mask), region in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(mask, region.mask)
        parted += len(expected) > cv2.connectedComponents((logits[:, :, 0] > 0).astype(np.uint8), connectivity=4)[0] - 1
    assert parted  # some islands have several cores


def masks(rng):
    """Discs, ellipses, polygons, coins with a hole, cut by the frame, and noise."""
    for _ in range(12):
        mask = np.zeros((256, 256), np.uint8)
        centre = tuple(map(int, rng.integers(60, 196, 2)))
        axes = tuple(map(int, rng.integers(20, 120, 2)))
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
        if rng.integers(2):
            cv2.circle(mask, centre, int(rng.integers(3, 19)), 0, -1)
        yield mask
    square = np.zeros((256, 256), np.uint8)
    square[40:200, 60:230] = 255
    yield square
    line = np.zeros((256, 256), np.uint8)
    line[128, 10:200] = 255
    yield line
    yield ((rng.random((256, 256)) < 0.01) * 255).astype(np.uint8)


def test_a_cutout_has_the_same_pixels_whatever_the_mask(library, rng):
    for mask in masks(rng):
        picture = rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)
        np.testing.assert_array_equal(library.cut_out(picture, mask), cut_out(picture, mask)[:, :, 0])


def test_embeddings_of_any_length_give_the_same_codes(library, rng):
    for length in (1e-3, 1.0, 37.0, 1e6):
        for embedding in rng.normal(size=(300, 64)) * length:
            np.testing.assert_array_equal(library.quantise(embedding, 254.0), quantise(embedding[None], 254.0)[0])

"""Outlines that no coin has: the native core leaves out, and leaves in, what Python does."""

import cv2
import numpy as np
import pytest
from coindex_native import Nets
from native_device import make_device

from coindex.catalog.state import CoinRecord, Rows
from coindex.cutout import Box
from coindex.photo import Photo
from coindex.segmentation import find_coins

CELL = 256
SCENES = 12


def see_what_is_bright(pixels):
    """A segmenter that sees coins where a picture is bright, and the core of each where it is deep."""
    coin = (pixels[0, :, :, 0] > 127).astype(np.uint8)
    depth = cv2.distanceTransform(coin, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    _, parts = cv2.connectedComponents(coin, connectivity=4)
    deepest = np.zeros(parts.max() + 1)
    np.maximum.at(deepest, parts, depth)
    return np.where(np.stack([coin > 0, (coin > 0) & (depth > 0.3 * deepest[parts])], axis=2), 5, -5).astype(
        np.float32
    )[None]


def embed(pixels):
    return np.ascontiguousarray(pixels[:, ::32, ::32, 0]).reshape(1, 64).astype(np.float32) - 100


def ellipse(long, short, angle=0):
    return lambda cell: cv2.ellipse(cell, (128, 128), (long, short), angle, 0, 360, 255, -1)


def polygon(radii, angle=0.0):
    turns = np.arange(len(radii)) * 2 * np.pi / len(radii) + angle
    points = np.stack([128 + radii * np.cos(turns), 128 + radii * np.sin(turns)], axis=1)
    return lambda cell: cv2.fillPoly(cell, [np.rint(points).astype(np.int32)], 255)


def label(width, height, angle=0):
    corners = cv2.boxPoints(((128, 128), (width, height), angle))
    return lambda cell: cv2.fillPoly(cell, [np.rint(corners).astype(np.int32)], 255)


def stain(radius, spikes=9, depth=0.45):
    return polygon(np.tile([radius, depth * radius], spikes).astype(float))


def hidden(radius):
    """A disc of which less than a half is seen."""
    return lambda cell: cv2.rectangle(ellipse(radius, radius)(cell), (128 - radius // 5, 0), (255, 255), 0, -1)


def pierced(radius):
    """A disc with so many holes that their edges are longer than its own."""

    def draw(cell):
        ellipse(radius, radius)(cell)
        for x in range(128 - radius // 2, 128 + radius // 2, 16):
            cv2.line(cell, (x, 128 - radius // 2), (x, 128 + radius // 2), 0, 3)
        return cell

    return draw


COIN = ellipse(70, 70)


def picture(*shapes):
    """Two shapes a row, each in a cell of its own."""
    rows = -(-len(shapes) // 2)
    grey = np.zeros((max(rows, 2) * CELL, 2 * CELL), np.uint8)
    for place, shape in enumerate(shapes):
        y, x = place // 2 * CELL, place % 2 * CELL
        grey[y : y + CELL, x : x + CELL] = shape(np.zeros((CELL, CELL), np.uint8))
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    return Photo(rgb, rgb.shape[1], rgb.shape[0])


@pytest.fixture(scope="module")
def seen_alike(library, tmp_path_factory):
    """Asks both, fails where they differ, and gives the places of the shapes that are answered."""
    home = tmp_path_factory.mktemp("device")
    codes = np.random.default_rng(1).integers(-127, 128, (8, 64)).astype(np.int8)
    records = {n: CoinRecord(n, "xx", "coin", str(n), "", "obverse", f"Coin {n}", "") for n in range(1, 9)}
    make_device(home, Rows.of(range(1, 9), range(1, 9), codes), records)
    nets = Nets.of(see_what_is_bright, embed)

    def see(photo):
        expected = find_coins(photo, see_what_is_bright)
        mine = catalog.recognize(photo, nets)
        assert [Box(*coin.box) for coin in mine] == [coin.box for coin in expected]
        for coin, other in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(coin.mask, other.mask)
        return [(coin.box.y + coin.box.height // 2) // CELL * 2 + (coin.box.x + coin.box.width // 2) // CELL
                for coin in expected]  # fmt: skip

    with library.open(home) as catalog:
        yield see


@pytest.mark.parametrize(
    ("shapes", "answered"),
    [
        pytest.param([COIN, label(200, 110)], [0], id="a label larger than a coin"),
        pytest.param([COIN, label(200, 110, 33), stain(110)], [0], id="a coin among a label and a stain"),
        pytest.param([label(200, 110)], [0], id="a label alone"),
        pytest.param([stain(110), label(200, 110)], [1], id="a stain beside a label alone"),
        pytest.param([stain(110)], [0], id="a stain alone"),
        pytest.param([ellipse(11, 11), stain(120, depth=0.75, spikes=16)], [1], id="a stain beside a speck"),
        pytest.param([ellipse(110, 110), hidden(80)], [0, 1], id="a coin hidden in part by a larger one"),
        pytest.param([hidden(110), ellipse(50, 50)], [1], id="a part larger than a whole coin"),
        pytest.param([ellipse(110, 60, 30), COIN], [0, 1], id="a tilted disc"),
        pytest.param([pierced(110), COIN], [0, 1], id="a coin with holes"),
        pytest.param(
            [polygon(np.full(4, 110.0), 0.3), polygon(np.full(3, 110.0), 0.5), COIN], [0, 1, 2], id="cornered"
        ),
    ],
)
def test_what_no_coin_has_is_left_out_as_in_python(seen_alike, shapes, answered):
    assert sorted(seen_alike(picture(*shapes))) == answered


def test_drawn_shapes_are_seen_as_in_python(seen_alike):
    rng, drawn, answered = np.random.default_rng(11), 0, 0
    for _ in range(SCENES):
        shapes = []
        for kind in rng.integers(0, 6, rng.integers(2, 7)):
            radius, turn = int(rng.integers(30, 115)), float(rng.uniform(0, 180))
            spikes = int(rng.integers(5, 20))
            shapes.append(
                [
                    ellipse(radius, max(int(radius * rng.uniform(0.5, 1)), 12), turn),
                    label(2 * radius, max(2 * radius * rng.uniform(0.3, 1), 20), turn),
                    stain(radius, spikes, rng.uniform(0.4, 0.95)),
                    polygon(radius * rng.uniform(0.8, 1, spikes), turn),
                    hidden(radius),
                    pierced(radius),
                ][kind]
            )
        drawn += len(shapes)
        answered += len(seen_alike(picture(*shapes)))
    assert SCENES <= answered < drawn

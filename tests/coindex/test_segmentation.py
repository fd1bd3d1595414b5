"""Regions from hand-drawn logits, and coins from drawn photos with a net that sees red."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from coindex.cutout import SIZE, Box, take_square
from coindex.photo import Photo
from coindex.resize import resize
from coindex.segmentation import (
    SMALLEST,
    FoundCoin,
    _answered,
    _depth,
    _is_elongated,
    _is_ragged,
    _smoothed,
    find_coins,
    first_side,
    regions,
    windows,
)

WINDOWS = Path(__file__).parents[1] / "golden" / "windows.json"


def disc(cx, cy, radius):
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.hypot(x - cx, y - cy) <= radius


def logits(coin, core):
    return np.where(np.stack([coin, core], axis=2), 3, -3).astype(np.float32)


def nothing():
    return np.zeros((SIZE, SIZE), bool)


def close(box, cx, cy, radius, slack):
    """Whether a box is that of a disc, within `slack` pixels on every edge."""
    edges = np.array([box.x, box.y, box.x + box.width, box.y + box.height])
    return np.abs(edges - [cx - radius, cy - radius, cx + radius, cy + radius]).max() <= slack


def test_one_disc_is_one_region_with_its_box_and_area():
    coin = disc(100, 120, 40)
    (region,) = regions(logits(coin, disc(100, 120, 25)))
    assert ((region.mask == 255) == coin).all()
    assert (region.mask[~coin] == 0).all()
    assert region.box == Box(60, 80, 81, 81)
    assert region.area == coin.sum()


def test_logit_zero_is_not_coin():
    assert regions(np.zeros((SIZE, SIZE, 2), np.float32)) == ()


def test_two_touching_discs_with_separate_cores_are_two_regions():
    left, right = disc(80, 128, 40), disc(158, 128, 40)
    assert (left & right).any()
    found = regions(logits(left | right, disc(80, 128, 25) | disc(158, 128, 25)))
    assert len(found) == 2
    first, second = sorted(
        (region.mask >= 128 for region in found), key=lambda mask: np.flatnonzero(mask.any(axis=0))[0]
    )
    assert not (first & second).any()
    assert ((first | second) == (left | right)).all()
    # They part half-way between the cores.
    assert first[:, :118].sum() == left[:, :118].sum()
    assert not first[:, 121:].any()
    assert not second[:, :118].any()


def test_of_touching_discs_of_unlike_size_the_larger_comes_first():
    found = regions(logits(disc(80, 128, 50) | disc(160, 128, 30), disc(80, 128, 35) | disc(160, 128, 21)))
    assert [region.area > 4000 for region in found] == [True, False]
    assert found[0].box.x < found[1].box.x


def test_unlike_discs_part_where_they_touch_and_not_half_way_between_their_cores():
    large, small = disc(90, 128, 60), disc(172, 128, 22)
    # Cores of 0.7 of the radius: 18 pixels of the large coin lie outside its core, 7 of the small one.
    found = regions(logits(large | small, disc(90, 128, 42) | disc(172, 128, 15)))
    assert [region.area for region in found] == pytest.approx([large.sum(), small.sum()], abs=20)
    assert found[0].box.x + found[0].box.width == pytest.approx(151, abs=2)


def test_a_pixel_as_far_beyond_both_coins_goes_to_the_core_met_first():
    # Two equal squares with one column between them, which lies 11 from either core.
    coin, core = nothing(), nothing()
    coin[100:151, 50:152] = True
    core[110:141, 60:90] = core[110:141, 111:141] = True
    coin[:, 151] = False
    found = regions(logits(coin, core))
    assert [(region.box.x, region.box.width) for region in found] == [(50, 51), (101, 50)]


def test_depth_is_the_root_of_a_whole_number_wherever_its_buffers_lie():
    rng = np.random.default_rng(0)
    zeros = rng.integers(0, 120, (12, 2))
    y, x = np.mgrid[:120, :120]
    exact = np.sqrt(((y - zeros[:, :1, None]) ** 2 + (x - zeros[:, 1:, None]) ** 2).min(axis=0))
    for shift in range(16):
        mask = np.ones(120 * 120 + 16, bool)[shift : shift + 120 * 120].reshape(120, 120)
        mask[zeros[:, 0], zeros[:, 1]] = False
        assert (_depth(mask) == exact).all()


def test_cores_on_one_island_do_not_take_from_another():
    # The lone disc on the right lies nearer to the core beside it than to no other: it stays whole.
    pair = disc(60, 128, 30) | disc(118, 128, 30)
    alone = disc(185, 128, 34)
    found = regions(logits(pair | alone, disc(60, 128, 20) | disc(118, 128, 20) | disc(185, 128, 5)))
    assert found[0].area == alone.sum()
    assert sum(region.area for region in found[1:]) == pair.sum()


def test_a_stray_core_pixel_does_not_halve_a_coin():
    coin = disc(128, 128, 60)
    core = disc(128, 128, 42)
    core[128, 180] = True
    (region,) = [region for region in regions(logits(coin, core)) if region.area > 100]
    assert region.area > 0.99 * coin.sum()


def test_a_region_without_a_core_is_no_coin():
    found = regions(logits(disc(60, 60, 30) | disc(180, 180, 30), disc(180, 180, 20)))
    assert [region.box for region in found] == [Box(150, 150, 61, 61)]


def test_an_island_of_coin_pixels_without_a_core_belongs_to_nobody():
    coin = disc(100, 100, 40)
    (region,) = regions(logits(coin | disc(148, 100, 5), disc(100, 100, 25)))
    assert ((region.mask >= 128) == coin).all()


def test_a_coin_beside_another_loses_nothing_to_it():
    # The edge of the left coin is nearer to the core of the right one, but nothing connects them.
    left, right = disc(90, 128, 70), disc(220, 128, 50)
    found = regions(logits(left | right, disc(90, 128, 40) | disc(220, 128, 47)))
    assert [region.area for region in found] == [left.sum(), right.sum()]


def test_a_core_outside_the_coin_does_not_count():
    assert regions(logits(nothing(), disc(100, 100, 25))) == ()
    (region,) = regions(logits(disc(100, 100, 40), disc(100, 100, 60)))
    assert region.area == disc(100, 100, 40).sum()


def test_a_holed_coin_keeps_its_hole():
    ring = disc(128, 128, 60) & ~disc(128, 128, 20)
    (region,) = regions(logits(ring, disc(128, 128, 48) & ~disc(128, 128, 32)))
    assert ((region.mask >= 128) == ring).all()


def test_noise_below_the_smallest_coin_is_dropped():
    coin = nothing()
    coin[10 : 10 + SMALLEST // 6, 10:16] = True
    assert coin.sum() == SMALLEST
    assert len(regions(logits(coin, coin))) == 1
    coin[10, 10] = False
    assert regions(logits(coin, coin)) == ()


def test_a_coin_cut_by_the_pictures_edge_is_a_region_to_the_edge():
    (region,) = regions(logits(disc(0, 128, 40), disc(0, 128, 25)))
    assert region.box == Box(0, 88, 41, 81)


def test_regions_come_largest_first_then_from_the_top_left():
    centres = [(200, 200, 20), (60, 200, 20), (60, 60, 20), (200, 60, 30)]
    coin = np.any([disc(*centre) for centre in centres], axis=0)
    core = np.any([disc(x, y, r // 2) for x, y, r in centres], axis=0)
    boxes = [region.box for region in regions(logits(coin, core))]
    assert [(box.x, box.y) for box in boxes] == [(170, 30), (40, 40), (40, 180), (180, 180)]


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (256, 256), (1001, 333)])
def test_coins_are_found_to_the_pixel_largest_first(photo_of, red_net, size):
    width, height = size
    small, large = (0.25 * width, 0.5 * height, 0.1 * min(size)), (0.7 * width, 0.55 * height, 0.2 * min(size))
    found = find_coins(photo_of(*size, [(*small, "plain"), (*large, "plain")]), red_net)
    assert len(found) == 2
    for coin, disc in zip(found, (large, small), strict=True):
        assert close(coin.box, *disc, slack=2)
        assert coin.area == pytest.approx(np.pi * disc[2] ** 2, rel=0.06)


def test_the_second_look_shows_the_coin_with_its_margin(photo_of, red_net):
    (coin,) = find_coins(photo_of(800, 600, [(400, 300, 130, "left")]), red_net)
    # The first look's box is 260 ± 3 pixels; the crop is 1.3 times as wide, around the same centre.
    assert coin.crop.width == coin.crop.height == pytest.approx(338, abs=6)
    assert coin.crop.x + coin.crop.width / 2 == pytest.approx(400, abs=3)
    assert coin.rgb.shape == (SIZE, SIZE, 3)
    outline = disc(127.5, 127.5, 130 / coin.crop.width * SIZE)
    assert ((coin.mask >= 128) == outline).mean() > 0.97


def test_touching_coins_are_told_apart(photo_of, red_net):
    discs = [(250, 300, 100), (450, 300, 100), (350, 474, 100)]
    found = find_coins(photo_of(800, 600, [(*disc, "plain") for disc in discs]), red_net)
    assert len(found) == 3
    for one in discs:
        assert any(close(coin.box, *one, slack=6) for coin in found)


@pytest.mark.parametrize("width", [1200, 1201, 1202, 1203])
def test_coins_that_the_first_look_misses_are_found_by_the_enlarged_look(photo_of, red_net, width):
    # The last one touches the photo's edge, where the enlarged parts must reach.
    discs = [(300, 300, 50), (420, 300, 50), (700, 640, 40), (width - 40, 450, 40)]
    calls = []

    def short_sighted(pixels):
        calls.append(1)
        seen = red_net(pixels)
        if len(calls) == 1:
            seen[:, :, 80:] = -5  # the left third alone, which holds the first coin
        return seen

    found = find_coins(photo_of(width, 900, [(*one, "plain") for one in discs]), short_sighted)
    assert len(found) == len(discs)
    for one in discs:
        assert any(close(coin.box, *one, slack=2) for coin in found), one


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1001, 333), (257, 256)])
def test_the_first_look_shows_the_photo_at_the_top_left_of_a_black_square(size, photo_of):
    photo = photo_of(*size, [(150, 120, 90, "left")])
    seen = []

    def blind(pixels):
        seen.append(pixels)
        return np.full((1, SIZE, SIZE, 2), -5, np.float32)

    find_coins(photo, blind)
    square = take_square(photo.rgb, Box(0, 0, max(size), max(size)))
    assert (seen[0][0] == resize(square, SIZE, SIZE)).all()


@pytest.mark.parametrize("width", [1500, 1501, 3000])
def test_coins_too_small_for_the_whole_of_a_panorama_are_found_along_it(photo_of, red_net, width):
    # As a panorama of 12,000 × 1,280 is decoded: in the whole of it these are 5 net pixels across.
    discs = [(20, 80, 15), (410, 120, 15), (650, 60, 15), (width - 16, 100, 15)]
    assert np.pi * (15 * SIZE / 1500) ** 2 < SMALLEST
    for turned in (False, True):
        drawn = [(*((y, x) if turned else (x, y)), radius, "plain") for x, y, radius in discs]
        found = find_coins(photo_of(*((160, width) if turned else (width, 160)), drawn), red_net)
        assert len(found) == len(discs)
        for x, y, radius, _ in drawn:
            assert any(close(coin.box, x, y, radius, slack=2) for coin in found), (x, y)


def test_a_coin_as_high_as_a_panorama_is_found_once(photo_of, red_net):
    discs = [(80, 80, 76), (790, 80, 76), (1420, 80, 76)]
    found = find_coins(photo_of(1500, 160, [(*one, "plain") for one in discs]), red_net)
    assert len(found) == 3
    for one in discs:
        assert any(close(coin.box, *one, slack=3) for coin in found), one


@pytest.mark.parametrize("case", json.loads(WINDOWS.read_text()), ids=lambda case: "{}x{}".format(*case["size"]))
def test_each_photo_is_looked_at_in_the_windows_that_every_port_takes(case):
    width, height = case["size"]
    side = first_side(width, height)
    for look, each in (("first", side), ("enlarged", -(-side // 2))):
        assert [[box.x, box.y, box.width, box.height] for box in windows(width, height, each)] == case[look]


@pytest.mark.parametrize("size", [(640, 480), (4000, 1000), (4001, 1000), (12_000, 1_280), (65_000, 16), (97, 20)])
@pytest.mark.parametrize("parts", [1, 2])
def test_what_is_as_small_as_the_windows_overlap_is_whole_in_one_of_them(size, parts):
    (longer, shorter), side = size, -(-first_side(*size) // parts)
    seen = windows(*size, side)
    assert set(windows(shorter, longer, side)) == {Box(box.y, box.x, side, side) for box in seen}
    assert len(seen) <= 15 * parts + 1
    coin = min(side // 2 - 1, shorter)
    for x in range(0, longer - coin + 1, max(coin // 7, 1)):
        assert any(box.x <= x and x + coin <= box.x + side and box.y == 0 for box in seen), x


def test_large_coins_cost_no_enlarged_look(photo_of, red_net):
    looks = []

    def counting(pixels):
        looks.append(len(pixels))
        return red_net(pixels)

    find_coins(photo_of(640, 480, [(320, 240, 100, "plain")]), counting)
    assert sum(looks) == 2
    looks.clear()
    find_coins(photo_of(640, 480, [(320, 240, 40, "plain")]), counting)
    assert sum(looks) > 2


def test_coins_seen_by_both_looks_are_looked_at_once(photo_of, red_net):
    looks = []

    def counting(pixels):
        looks.append(len(pixels))
        return red_net(pixels)

    found = find_coins(photo_of(600, 600, [(150, 150, 40, "plain"), (310, 320, 40, "plain")]), counting)
    assert len(found) == 2
    assert len(looks) == 1 + 9 + 2


def test_what_the_second_look_does_not_confirm_is_dropped(photo_of, red_net):
    calls = []

    def once(pixels):
        calls.append(1)
        return red_net(pixels) if len(calls) == 1 else np.full((1, SIZE, SIZE, 2), -9, np.float32)

    assert find_coins(photo_of(640, 480, [(320, 240, 120, "plain")]), once) == ()
    assert len(calls) == 2


def test_a_second_look_at_a_speck_is_dropped(photo_of, red_net):
    calls = []

    def shrunken(pixels):
        calls.append(1)
        return red_net(pixels) if len(calls) == 1 else logits(disc(128, 128, 30), disc(128, 128, 20))[None]

    assert disc(128, 128, 30).sum() < SIZE * SIZE / 16
    assert find_coins(photo_of(640, 480, [(320, 240, 120, "plain")]), shrunken) == ()


def test_one_coin_seen_as_two_on_the_first_look_is_one(photo_of, red_net):
    calls = []

    def doubled(pixels):
        calls.append(1)
        if len(calls) > 1:
            return red_net(pixels)
        # The disc at (100, 96) of radius 60, with two cores: each half is a candidate.
        return logits(disc(100, 96, 60), disc(80, 96, 10) | disc(120, 96, 10))[None]

    found = find_coins(photo_of(640, 480, [(250, 240, 150, "plain")]), doubled)
    assert len(calls) == 3
    assert len(found) == 1


@pytest.mark.parametrize("centre", [(20, 240), (620, 240), (320, 10), (320, 470), (30, 30)])
def test_a_coin_cut_by_the_photos_edge_is_found_up_to_the_edge(photo_of, red_net, centre):
    (coin,) = find_coins(photo_of(640, 480, [(*centre, 100, "plain")]), red_net)
    x, y = centre
    edges = [max(x - 100, 0), max(y - 100, 0), min(x + 100, 640), min(y + 100, 480)]
    box = coin.box
    assert np.abs(np.array([box.x, box.y, box.x + box.width, box.y + box.height]) - edges).max() <= 3


def test_a_coin_that_fills_or_leaves_the_frame_is_found(photo_of, red_net):
    for radius in (128, 140):
        (coin,) = find_coins(photo_of(256, 256, [(128, 128, radius, "plain")]), red_net)
        assert close(coin.box, 128, 128, 128, slack=2)


def test_a_photo_without_a_coin_has_none(photo_of, red_net):
    assert find_coins(photo_of(300, 200, []), red_net) == ()
    assert find_coins(Photo(np.zeros((200, 300, 3), np.uint8), 300, 200), red_net) == ()


def test_a_tiny_and_a_very_long_photo_are_looked_at(photo_of, red_net):
    assert find_coins(photo_of(16, 16, []), red_net) == ()
    (coin,) = find_coins(photo_of(2000, 100, [(900, 50, 45, "plain")]), red_net)
    assert close(coin.box, 900, 50, 45, slack=3)


def test_a_speck_far_smaller_than_the_largest_coin_is_no_coin(photo_of, red_net):
    large = (420, 240, 150)
    for radius, count in ((20, 1), (40, 2)):
        found = find_coins(photo_of(640, 480, [(100, 240, radius, "plain"), (*large, "plain")]), red_net)
        assert len(found) == count
        assert close(found[0].box, *large, slack=3)


def test_a_fragment_that_the_enlarged_look_sees_does_not_replace_its_coin(photo_of, red_net):
    coin = (512, 400, 80)
    looks = []

    def fragments_when_enlarged(pixels):
        looks.append(len(pixels))
        logits = red_net(pixels)
        if 2 <= len(looks) <= 10:  # the nine enlarged parts: only the middle of the coin is seen
            for picture in logits:
                depth = cv2.distanceTransform((picture[:, :, 0] > 0).astype(np.uint8), cv2.DIST_L2, 5)
                picture[depth <= 0.6 * max(depth.max(), 1)] = -5
        return logits

    (found,) = find_coins(photo_of(1024, 1024, [(*coin, "plain")]), fragments_when_enlarged)
    assert len(looks) > 10
    assert close(found.box, *coin, slack=4)


def test_a_round_coins_edge_is_its_ellipses_and_its_hole_stays():
    y, x = np.mgrid[:256, :256] - 127.5
    rng = np.random.default_rng(0)
    angle = np.arctan2(y, x)
    # An edge that wavers by a pixel or two, as a net's does.
    wavering = 1.5 * sum(np.cos(k * angle + rng.uniform(0, 6)) for k in (5, 9, 17)) / 3
    true = (np.hypot(x / 0.8, y) <= 90) & (np.hypot(x, y) > 20)
    seen = (np.hypot(x / 0.8, y) + wavering <= 90) & (np.hypot(x, y) > 20)
    smoothed = _smoothed(np.where(seen, 255, 0).astype(np.uint8)) > 0
    assert (smoothed != true).sum() < 0.4 * (seen != true).sum()
    assert not smoothed[np.hypot(x, y) <= 20].any()


def test_a_hole_that_touches_the_outside_by_a_corner_alone_is_a_hole():
    mask = np.where(disc(128, 128, 90), 255, 0).astype(np.uint8)
    top = int(np.flatnonzero(mask[:, 128])[0])
    left = int(np.flatnonzero(mask[top])[0])
    mask[top + 1, left] = 0  # its neighbours above and beside are coin, the one across the corner is not
    assert mask[top, left - 1] == 0 < mask[top + 1, left - 1]
    assert _smoothed(mask)[top + 1, left] == 0
    mask[top, left] = 0  # joined to the outside now, and filled by the ellipse
    assert _smoothed(mask)[top + 1, left] == 255


@pytest.mark.parametrize("corners", [3, 4, 5, 6, 7])
def test_a_coin_with_corners_keeps_them(corners):
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    mask = np.zeros((256, 256), np.uint8)
    cv2.fillPoly(mask, [np.stack([128 + 100 * np.cos(angle), 128 + 100 * np.sin(angle)], axis=1).astype(np.int32)], 255)
    assert (_smoothed(mask) == mask).all()


def polar(radius):
    """Mask of the outline r = radius(angle) around the middle."""
    y, x = np.mgrid[:SIZE, :SIZE] - 127.5
    return np.where(np.hypot(x, y) <= radius(np.arctan2(y, x)), 255, 0).astype(np.uint8)


def cornered(corners, turn=0.0, lean=0.0):
    """Mask of a regular polygon, turned, then seen by a camera that leans, both in degrees."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + np.radians(turn)
    points = np.stack([np.cos(angle), np.sin(angle) * np.cos(np.radians(lean))], axis=1)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(127.5 + 95 * points).astype(np.int32)], 255)
    return mask


def rectangle(width, height, turn=0.0):
    corners = cv2.boxPoints(((127.5, 127.5), (width, height), turn))
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255)
    return mask


def ragged_label(seed=0):
    """A rectangle whose lower edge hangs down in strips, as a net outlines a printed label."""
    mask = rectangle(200, 90)
    rng = np.random.default_rng(seed)
    for x in range(30, 220, 16):
        mask[160 : 165 + int(rng.integers(30, 60)), x : x + 8] = 255
    return mask


def found(mask, x=0, area=None):
    """A coin as a second look outlines it, at a place of its own in the photo."""
    return FoundCoin(
        Box(x, 0, 200, 200), Box(x, 0, 256, 256), np.zeros((SIZE, SIZE, 3), np.uint8), mask,
        np.count_nonzero(mask) if area is None else area,
    )  # fmt: skip


@pytest.mark.parametrize("lean", [0, 25, 40])
@pytest.mark.parametrize("turn", [0, 11, 23, 30, 45])
@pytest.mark.parametrize("corners", [3, 4, 5, 6, 7, 8, 12])
def test_a_coin_with_corners_has_a_coins_shape_turned_and_tilted(corners, turn, lean):
    mask = cornered(corners, turn, lean)
    assert not _is_ragged(mask)
    assert not _is_elongated(mask)


@pytest.mark.parametrize("turn", [0, 10, 20, 30])
@pytest.mark.parametrize(("petals", "depth"), [(4, 0.12), (5, 0.1), (7, 0.05), (8, 0.06), (12, 0.05)])
def test_a_scalloped_or_flower_shaped_coin_has_a_coins_shape(petals, depth, turn):
    mask = polar(lambda angle: 95 * (1 - depth + depth * np.cos(petals * (angle + np.radians(turn)))))
    assert not _is_ragged(mask)
    assert not _is_elongated(mask)


def test_a_holes_edge_makes_no_outline_ragged():
    ring = np.where(disc(128, 128, 90) & ~disc(128, 128, 40), 255, 0).astype(np.uint8)
    ring[126:131, 120:136] = 255  # something lies across the hole
    assert not _is_ragged(ring)
    assert not _is_elongated(ring)


def test_a_disc_seen_from_far_aside_is_a_coin_and_a_label_as_long_is_none():
    tilted = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(tilted, (128, 128), (100, 55), 30, 0, 360, 255, -1)
    assert not _is_elongated(tilted)
    assert _is_elongated(rectangle(200, 110, 30))


def test_a_ragged_label_is_no_coin_beside_a_coin():
    coin = found(np.where(disc(128, 128, 60), 255, 0).astype(np.uint8), x=300)
    label = found(ragged_label())
    assert label.area > coin.area
    assert _answered([label, coin]) == (coin,)


def test_a_clean_rectangle_is_no_coin_where_it_is_larger_than_one():
    coin = found(np.where(disc(128, 128, 60), 255, 0).astype(np.uint8), x=300)
    label = found(rectangle(220, 120))
    assert _answered([label, coin]) == (coin,)


def test_the_visible_half_of_a_coin_is_answered_beside_a_larger_whole_one():
    whole = found(np.where(disc(128, 128, 90), 255, 0).astype(np.uint8))
    half = disc(128, 128, 70)
    half[:128] = False
    part = found(np.where(half, 255, 0).astype(np.uint8), x=300)
    assert _is_elongated(part.mask)
    assert _answered([part, whole]) == (whole, part)


def test_a_badly_outlined_coin_is_answered_where_there_is_no_other():
    assert len(_answered([found(ragged_label())])) == 1
    assert len(_answered([found(rectangle(220, 120))])) == 1


def test_a_rejected_label_does_not_make_a_small_coin_too_small():
    coin, large = (found(np.where(disc(128, 128, 60), 255, 0).astype(np.uint8), x=x, area=area)
                   for x, area in ((300, 10_000.0), (600, 90_000.0)))  # fmt: skip
    label = found(ragged_label(), area=400_000.0)
    assert _answered([label, large, coin]) == (large, coin)


def test_a_coin_badly_outlined_is_answered_beside_a_speck():
    speck = found(np.where(disc(128, 128, 60), 255, 0).astype(np.uint8), x=300, area=700.0)
    coin = found(ragged_label(), area=10_000.0)
    assert _answered([coin, speck]) == (coin, speck)
    assert _answered([coin, found(speck.mask, x=300, area=900.0)])[0].area == 900.0

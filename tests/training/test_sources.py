"""Masks and pictures of the coins in labelled photos, on drawn studio photos."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from coindex.errors import TrainingError
from coindex.manifest import CoinClass, LabelledPhoto
from training.sources import coin_mask, load_coins, load_unlabelled, mask_file

cv2.setNumThreads(1)


def studio(size=200, radius=90, *, ground=245, coin=110, centre=None):
    rgb = np.full((size, size, 3), ground, np.uint8)
    cv2.circle(rgb, centre or (size // 2, size // 2), radius, (coin, coin - 10, coin - 20), -1)
    return rgb


def iou(a, b):
    return ((a > 0) & (b > 0)).sum() / ((a > 0) | (b > 0)).sum()


def disc(size, radius):
    return cv2.circle(np.zeros((size, size), np.uint8), (size // 2, size // 2), radius, 255, -1)


def test_a_coin_on_a_pale_ground_is_cut_out_by_its_edge():
    mask = coin_mask(studio(radius=82))
    assert set(np.unique(mask)) == {0, 255}
    assert iou(mask, disc(200, 82)) > 0.97


def test_a_bright_spot_at_the_coins_edge_is_not_lost():
    rgb = studio(radius=90)
    cv2.circle(rgb, (185, 100), 12, (240, 240, 240), -1)
    assert iou(coin_mask(rgb), disc(200, 90)) > 0.95


def test_a_coin_on_a_dark_ground_is_the_ellipse_that_fills_the_frame():
    mask = coin_mask(studio(ground=30, radius=97))
    assert iou(mask, disc(200, 98)) > 0.97


def test_a_frame_that_no_single_coin_fills_has_none():
    assert coin_mask(np.full((100, 200, 3), 30, np.uint8)) is None


def test_a_mask_that_is_not_round_is_not_taken_for_the_outline():
    square = np.full((200, 200, 3), 245, np.uint8)
    square[20:180, 20:180] = 90
    # The inscribed ellipse is taken instead.
    assert iou(coin_mask(square), disc(200, 98)) > 0.95


@pytest.fixture
def photos(tmp_path):
    def labelled(name, rgb, side="obverse", design=""):
        Image.fromarray(rgb).save(tmp_path / name)
        return LabelledPhoto(tmp_path / name, CoinClass("U", "m", "1", "", side), "", "", design, "", 2)

    return labelled


def test_coins_are_squares_around_their_masks_with_class_and_design(photos):
    calls = []
    rows = [
        photos("a.png", studio(radius=82), design="bust"),
        photos("b.png", np.full((100, 300, 3), 30, np.uint8)),
        photos("c.png", studio(radius=82), "reverse"),
    ]
    first, second = load_coins(rows, size=64, on_progress=calls.append)
    assert first.rgb.shape == (64, 64, 3)
    assert set(np.unique(first.mask)) == {0, 255}
    assert first.mask[32].all() or first.mask[32].sum() >= 62 * 255  # the coin fills its square
    assert (first.label, first.design) == ("U|m|1||obverse", "bust")
    assert (second.label, second.design) == ("U|m|1||reverse", "U|m|1||reverse")  # a blank design is the class's own
    assert calls == [1, 2, 3]


def test_unlabelled_coins_are_classes_of_their_own_in_the_order_of_their_names(photos, tmp_path):
    for name in ("b.png", "a.png"):
        photos(name, studio())
    coins = load_unlabelled([tmp_path / "b.png", Path(tmp_path / "a.png")], size=32)
    assert [coin.label for coin in coins] == ["unlabelled|a.png", "unlabelled|b.png"]
    assert len({coin.design for coin in coins}) == 2


def test_a_circle_in_a_dark_frame_is_found_where_hough_is_asked_for():
    rgb = studio(ground=30, coin=180, radius=70, centre=(108, 95))
    truth = cv2.circle(np.zeros((200, 200), np.uint8), (108, 95), 70, 255, -1)
    assert iou(coin_mask(rgb, hough=True), truth) > 0.95
    assert iou(coin_mask(rgb), disc(200, 98)) > 0.97  # by default the ellipse that fills the frame, as ever
    assert iou(coin_mask(studio(radius=82), hough=True), disc(200, 82)) > 0.97  # a pale ground tells more


def test_without_a_circle_of_a_coins_size_near_the_middle_the_ellipse_is_taken():
    corner = studio(ground=30, coin=180, radius=30, centre=(40, 40))
    assert (coin_mask(corner, hough=True) == coin_mask(corner)).all()
    nothing = np.full((200, 200, 3), 30, np.uint8)
    assert (coin_mask(nothing, hough=True) == coin_mask(nothing)).all()


def test_a_photos_own_mask_is_taken_before_any_other(photos, tmp_path):
    row = photos("lion.png", studio(radius=82))
    own = cv2.circle(np.zeros((200, 200), np.uint8), (60, 60), 40, 255, -1)
    Image.fromarray(own).save(tmp_path / "lion.mask.png")
    assert mask_file(row.path) == tmp_path / "lion.mask.png"
    (coin,) = load_coins([row], size=64)
    assert iou(coin.mask, disc(64, 32)) > 0.9
    # The square around (60, 60) holds the studio's ground as well: the coin's own edge is elsewhere.
    assert (coin.rgb[0, 0] > 200).all()
    unlabelled = load_unlabelled(tmp_path.iterdir(), size=64)
    assert [each.label for each in unlabelled] == ["unlabelled|lion.png"]  # a mask is no photo
    assert (unlabelled[0].mask == coin.mask).all()


@pytest.mark.parametrize(("size", "grey"), [(100, 255), (200, 0)])
def test_a_mask_that_does_not_fit_its_photo_is_refused_by_name(photos, tmp_path, size, grey):
    row = photos("lion.png", studio())
    Image.fromarray(np.full((size, size), grey, np.uint8)).save(tmp_path / "lion.mask.png")
    with pytest.raises(TrainingError, match=r"lion\.mask\.png: .*expected a mask of its photo's 200×200 pixels"):
        load_coins([row], size=64)

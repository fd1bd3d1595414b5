"""Coins in holders: their outline is their own, whatever lies around them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from coindex_synthetic import HOLDER_KINDS, SceneSettings, background, compose_held, held_coins

CALM = SceneSettings(
    tilt=0.0, glare=0.0, shadow=0.0, blur=(0.0, 0.0), motion=0.0, noise=(0.0, 0.0), jpeg_quality=None,
    brightness=(1.0, 1.0), colour_cast=0.0, light_gradient=0.0, vignette=0.0,
)  # fmt: skip


def disc(size=120, level=180):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    mask = np.where(np.hypot(x, y) <= size / 2 - 1, 255, 0).astype(np.uint8)
    return np.full((size, size, 3), level, np.uint8), mask


def square(size=120):
    mask = np.zeros((size, size), np.uint8)
    mask[20:100, 20:100] = 255
    return np.full((size, size, 3), 90, np.uint8), mask


@pytest.mark.parametrize("kind", HOLDER_KINDS)
def test_a_held_coin_is_labelled_by_its_own_round_outline(kind):
    for seed in range(6):
        held = held_coins(kind, [disc() for _ in range(12)], size=500, rng=np.random.default_rng(seed))
        assert held.rgb.shape[:2] == held.cover.shape == held.instances.shape
        assert held.instances.max() == len(held.order)
        for label in range(1, len(held.order) + 1):
            one = (held.instances == label).astype(np.uint8)
            _, _, width, height = cv2.boundingRect(one)
            assert abs(width - height) <= 2
            assert one.sum() == pytest.approx(np.pi / 4 * width * height, rel=0.06)


@pytest.mark.parametrize("kind", HOLDER_KINDS)
def test_a_square_coin_stays_square_in_its_holder(kind):
    held = held_coins(kind, [square() for _ in range(12)], size=500, rng=np.random.default_rng(3))
    for label in range(1, len(held.order) + 1):
        contours, _ = cv2.findContours(
            (held.instances == label).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        _, (width, height), _ = cv2.minAreaRect(contours[0])
        assert (held.instances == label).sum() == pytest.approx((width + 1) * (height + 1), rel=0.06)


@pytest.mark.parametrize("kind", HOLDER_KINDS)
def test_an_empty_holder_shows_no_coin(kind):
    held = held_coins(kind, [], size=300, rng=np.random.default_rng(0))
    assert held.order == ()
    assert not held.instances.any()
    assert held.rgb.std() > 1


def test_a_coin_shows_its_own_picture_where_it_is_labelled():
    rgb, mask = disc(level=0)
    rgb[:, :, 0] = 200  # red
    for seed in range(8):
        held = held_coins("slab", [(rgb, mask)], size=500, rng=np.random.default_rng(seed))
        inside = cv2.erode((held.instances > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if inside.any():
            assert (held.rgb[inside][:, 1:] <= 2).all()
            assert (held.rgb[inside][:, 0] > 100).all()


def test_one_seed_gives_one_scene():
    ground = background("wood", width=200, height=160, rng=np.random.default_rng(0))
    first, second = (
        compose_held([disc()], ground, settings=SceneSettings(), rng=np.random.default_rng(9)) for _ in range(2)
    )
    assert (first.rgb == second.rgb).all()
    assert (first.instances == second.instances).all()


def test_boxes_and_labels_of_a_held_scene_are_of_the_coins_in_the_frame():
    ground = np.full((220, 260, 3), 120, np.uint8)
    seen = 0
    for seed in range(12):
        coins = [disc(level=100 + 10 * i) for i in range(10)]
        scene = compose_held(coins, ground, settings=replace(CALM, tilt=20.0), rng=np.random.default_rng(seed))
        assert scene.rgb.shape == ground.shape
        assert len(scene.boxes) == len(scene.order) == scene.instances.max()
        for number, (x, y, width, height) in enumerate(scene.boxes.tolist(), 1):
            rows, columns = np.nonzero(scene.instances == number)
            assert (columns.min(), rows.min()) == (x, y)
            assert (columns.max() - x + 1, rows.max() - y + 1) == (width, height)
            seen += 1
    assert seen > 12


def test_an_unknown_holder_is_named():
    with pytest.raises(ValueError, match="unknown kind 'box'"):
        held_coins("box", [], size=100, rng=np.random.default_rng(0))

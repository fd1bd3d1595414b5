"""RGB coins on black, and which of them may be mirrored."""

import cv2
import numpy as np
import pytest

pytest.importorskip("albumentations")

from training.rgb_views import allows_flip, plain_rgb_view, rgb_view
from training.sources import CoinPicture

cv2.setNumThreads(1)


def coin(draw, *, turn=0.0):
    rgb = np.full((160, 160, 3), 255, np.uint8)
    cv2.circle(rgb, (80, 80), 76, (120, 100, 60), -1)
    draw(rgb)
    rgb = cv2.warpAffine(rgb, cv2.getRotationMatrix2D((79.5, 79.5), turn, 1), (160, 160), borderValue=(255,) * 3)
    mask = cv2.circle(np.zeros((160, 160), np.uint8), (80, 80), 76, 255, -1)
    return CoinPicture(rgb, mask, "1", "1")


def star(rgb):
    angle = np.arange(10) * np.pi / 5
    radius = np.where(np.arange(10) % 2, 24, 60)
    points = np.stack([80 + radius * np.cos(angle), 80 + radius * np.sin(angle)], axis=1)
    cv2.fillPoly(rgb, [points.astype(np.int32)], (220, 200, 160))


def lettered(rgb):
    for angle, letter in enumerate("REPFGLQ"):
        x, y = 80 + 48 * np.cos(angle * 0.9), 80 + 48 * np.sin(angle * 0.9)
        cv2.putText(rgb, letter, (int(x) - 12, int(y) + 12), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (220, 200, 160), 4)


@pytest.mark.parametrize("turn", [0, 37])
def test_a_star_allows_a_flip_and_lettering_does_not_however_they_are_turned(turn):
    assert allows_flip(coin(star, turn=turn))
    assert not allows_flip(coin(lettered, turn=turn))


def test_the_background_is_removed_and_the_colours_stay():
    view = plain_rgb_view(coin(star), size=128)
    assert view.shape == (128, 128, 3)
    assert not view[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert view[64, 10].tolist() == [120, 100, 60]


def test_a_view_is_a_turned_coin_on_black_and_the_same_from_the_same_seed():
    plain = coin(lettered)
    before = plain.rgb.copy()

    def view(seed):
        return rgb_view(plain, size=96, flips=True, rng=np.random.default_rng(seed))

    for seed in range(10):
        assert (view(seed).shape, view(seed).dtype) == ((96, 96, 3), np.uint8)
        assert not view(seed)[[0, 0, -1, -1], [0, -1, 0, -1]].any()
        assert 0.4 < (view(seed).max(axis=2) > 0).mean() < 0.9
    assert (view(3) == view(3)).all()
    assert (view(3) != view(4)).any()
    assert (plain.rgb == before).all()

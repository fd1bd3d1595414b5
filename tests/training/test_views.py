"""Views of a coin, as the embedder is shown them."""

import cv2
import numpy as np
import pytest

from coindex.cutout import cut_out
from training.sources import CoinPicture
from training.views import ViewSettings, phone_view, plain_view

cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def coin():
    y, x = np.mgrid[:128, :128] - 63.5
    mask = np.where(np.hypot(x, y) <= 63, 255, 0).astype(np.uint8)
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(128, 128)), (0, 0), 3)
    grey = (125 + 65 * noise / np.abs(noise).max()).astype(np.uint8)
    return CoinPicture(np.repeat(grey[:, :, None], 3, axis=2), mask, "1", "1")


def test_a_plain_view_is_the_devices_own_cutout(coin):
    assert (plain_view(coin, size=96) == cut_out(coin.rgb, coin.mask, size=96)).all()


def test_a_phone_view_is_a_grey_coin_on_black(coin):
    for seed in range(20):
        view = phone_view(coin, size=96, settings=ViewSettings(), rng=np.random.default_rng(seed))
        assert (view.shape, view.dtype) == ((96, 96, 3), np.uint8)
        assert (view == view[:, :, :1]).all()
        assert not view[[0, 0, -1, -1], [0, -1, 0, -1]].any()  # the corners of a round coin's square
        assert 0.4 < (view[:, :, 0] > 0).mean() < 0.9


def test_the_same_seed_gives_the_same_view_and_another_seed_another(coin):
    def view(seed):
        return phone_view(coin, size=64, settings=ViewSettings(), rng=np.random.default_rng(seed))

    assert (view(3) == view(3)).all()
    assert (view(3) != view(4)).any()


def test_the_coin_itself_is_not_written_to(coin):
    before = coin.rgb.copy(), coin.mask.copy()
    phone_view(coin, size=64, settings=ViewSettings(), rng=np.random.default_rng(0))
    assert (coin.rgb == before[0]).all()
    assert (coin.mask == before[1]).all()


def test_a_view_without_any_disturbance_is_the_plain_view_turned(coin):
    # Still drawn: turn, exposure and the colour of the light. Local contrast takes the last two away.
    gentle = ViewSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    plain = plain_view(coin, size=64)[:, :, 0].astype(np.float32)
    inner = np.hypot(*(np.mgrid[:64, :64] - 31.5)) < 26
    best = 0.0
    for seed in range(4):
        view = phone_view(coin, size=64, settings=gentle, rng=np.random.default_rng(seed))[:, :, 0].astype(np.float32)
        for angle in range(0, 360, 5):
            turned = cv2.warpAffine(plain, cv2.getRotationMatrix2D((31.5, 31.5), angle, 1), (64, 64))
            best = max(best, abs(float(np.corrcoef(turned[inner], view[inner])[0, 1])))
    assert best > 0.85

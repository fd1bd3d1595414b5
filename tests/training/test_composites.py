"""The article's composites, with masks that are right to the pixel."""

import numpy as np
import pytest

pytest.importorskip("albumentations")

import training.composites as module
from training.composites import CompositeSettings, composite, drawn_ground
from training.sources import CoinPicture

PLAIN = CompositeSettings(blur=0, brightness=0, gaussian=0, laplacian=0, shadow=0, noise=0)


@pytest.fixture(scope="module")
def coin():
    """A grey disc that was photographed on white."""
    y, x = np.mgrid[:128, :128] - 63.5
    inside = np.hypot(x, y) <= 60
    rgb = np.where(inside[:, :, None], np.uint8(90), np.uint8(255)).repeat(3, axis=2)
    return CoinPicture(rgb, np.where(inside, 255, 0).astype(np.uint8), "1", "1")


@pytest.fixture(scope="module")
def black():
    return np.zeros((300, 300, 3), np.uint8)


def test_the_frame_has_1_to_36_times_the_area_of_the_coins_box_evenly_in_the_logarithm(coin, black):
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(60):
        _, mask = composite(coin, black, side=256, rng=rng)
        assert set(np.unique(mask)) <= {0, 255}
        areas.append(256**2 / ((mask > 0).sum() * 4 / np.pi))  # the box of a disc
    assert 0.97 < min(areas) < 2
    assert 20 < max(areas) < 38
    assert 4 < np.median(areas) < 9  # 6 is the middle


def test_a_hard_merge_is_coin_inside_the_mask_and_background_outside(coin, black):
    for seed in range(5):
        picture, mask = composite(coin, black, side=256, rng=np.random.default_rng(seed), settings=PLAIN)
        assert abs(int(picture[mask > 0].max()) - 90) <= 1  # none of the white that the coin lay on
        halfway = (picture[:, :, 0] > 0) & (picture[:, :, 0] < 89)
        assert halfway.sum() < 8 * np.sqrt((mask > 0).sum())  # the edge alone
        assert (picture[:, :, 0][mask > 0] >= 44).all() and (picture[:, :, 0][mask == 0] <= 46).all()


@pytest.mark.parametrize("soft", [{"gaussian": 1.0}, {"laplacian": 1.0}])
def test_a_soft_merge_has_a_wider_edge_and_shows_nothing_of_the_coins_old_surroundings(coin, black, soft):
    settings = CompositeSettings(**{**PLAIN.__dict__, **soft})
    hard, _ = composite(coin, black, side=512, rng=np.random.default_rng(5), settings=PLAIN)
    picture, mask = composite(coin, black, side=512, rng=np.random.default_rng(5), settings=settings)
    assert int(picture.max()) <= 92

    def between(image):
        return ((image[:, :, 0] > 5) & (image[:, :, 0] < 85)).sum()

    assert between(picture) > between(hard)
    assert mask.any()


def test_a_laplacian_pyramid_of_two_equal_pictures_is_that_picture():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    cover = np.zeros((96, 96), np.uint8)
    cover[20:60, 30:80] = 255
    merged = module._by_laplacian_pyramid(picture, picture, cover, 400.0, rng)
    assert np.abs(merged.astype(int) - picture).max() <= 1


def test_the_same_seed_gives_the_same_composite_and_another_one_another(coin):
    def drawn(seed):
        rng = np.random.default_rng(seed)
        return composite(coin, drawn_ground((), side=128, rng=rng), side=128, rng=rng)

    first, again, other = drawn(3), drawn(3), drawn(4)
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    assert (first[0] != other[0]).any()


def test_noise_and_shadows_fall_on_coin_and_background_alike(coin):
    grey = np.full((300, 300, 3), 200, np.uint8)
    settings = CompositeSettings(**{**PLAIN.__dict__, "shadow": 1.0, "noise": 1.0})
    darkened = []
    for seed in range(6):
        picture, mask = composite(coin, grey, side=256, rng=np.random.default_rng(seed), settings=settings)
        assert picture[mask > 0].std() > 1 and picture[mask == 0].std() > 1
        darkened.append((picture[mask == 0] < 170).mean())
    assert max(darkened) > 0.02

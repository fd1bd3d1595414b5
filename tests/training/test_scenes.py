"""What the segmenter is shown, and the cores that tell coins apart."""

import cv2
import numpy as np
import pytest

from coindex.segmentation import CORE, regions
from training.scenes import core_of, labelled_scene
from training.sources import CoinPicture

cv2.setNumThreads(1)


def disc(cx, cy, radius, size=256):
    y, x = np.mgrid[:size, :size]
    return np.hypot(x - cx, y - cy) <= radius


def instances(*masks):
    out = np.zeros(masks[0].shape, np.uint8)
    for label, mask in enumerate(masks, 1):
        out[mask] = label
    return out


def test_the_core_of_a_disc_is_the_disc_less_its_share_of_the_radius():
    core = core_of(instances(disc(128, 128, 60))) > 0
    expected = disc(128, 128, 60 * (1 - CORE))
    assert (core ^ expected).sum() < 0.06 * expected.sum()


def test_cores_of_touching_coins_do_not_touch_and_give_back_the_coins():
    left, right = disc(80, 128, 50), disc(165, 128, 35)
    labels = instances(left & ~right, right)
    core = core_of(labels)
    assert cv2.connectedComponents(core, connectivity=8)[0] == 3
    logits = np.where(np.stack([labels > 0, core > 0], axis=2), 1, -1).astype(np.float32)
    large, small = regions(logits)
    assert ((large.mask >= 128) ^ (labels == 1)).sum() < 30
    assert ((small.mask >= 128) ^ (labels == 2)).sum() < 30


def test_the_core_of_a_holed_coin_keeps_off_its_hole():
    ring = disc(128, 128, 60) & ~disc(128, 128, 20)
    core = core_of(instances(ring)) > 0
    assert not (core & ~ring).any()
    assert not (core & disc(128, 128, 24)).any()
    assert core.any()


def test_a_coin_cut_by_the_frame_has_its_core_away_from_the_frame():
    core = core_of(instances(disc(0, 128, 40))) > 0
    assert not core[:, 0].any()
    assert core.any()


def test_no_coins_have_no_cores():
    assert not core_of(np.zeros((64, 64), np.uint8)).any()
    assert not core_of(instances(disc(30, 30, 9, 64)) * 3)[:, 45:].any()  # labels need not be consecutive


@pytest.fixture(scope="module")
def coins():
    rng = np.random.default_rng(0)
    mask = np.where(disc(31.5, 31.5, 31, 64), 255, 0).astype(np.uint8)
    return [
        CoinPicture(rng.integers(60, 200, (64, 64, 3)).astype(np.uint8), mask, f"{number}", f"{number}")
        for number in range(3)
    ]


def test_scenes_are_net_sized_with_cores_inside_coins_and_the_same_from_the_same_seed(coins):
    textures = [np.random.default_rng(1).integers(0, 256, (90, 120, 3)).astype(np.uint8)]
    shares = []
    for seed in range(8):
        picture, labels = labelled_scene(coins, textures, np.random.default_rng(seed))
        assert (picture.shape, picture.dtype) == ((256, 256, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((256, 256, 2), np.uint8)
        assert labels.max() <= 1
        assert not (labels[:, :, 1] > labels[:, :, 0]).any()
        shares.append(labels[:, :, 0].mean())
    assert max(shares) > 0.1
    again = labelled_scene(coins, textures, np.random.default_rng(7))
    assert (again[0] == picture).all()
    assert (again[1] == labels).all()

"""What the segmenter is shown, and the cores that tell coins apart."""

import cv2
import numpy as np
import pytest

from coindex.segmentation import CORE, regions
from coindex_synthetic import SceneSettings
from training.data import load_no_coins
from training.scenes import _among, _as_bimetal, _as_proof, core_of, labelled_scene
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


def test_examples_show_held_coins_and_coins_alone_too():
    """Every kind of example gives labels that agree: a core lies on its coin."""
    coins = [
        CoinPicture(
            np.full((64, 64, 3), 150, np.uint8), np.where(disc(32, 32, 30, 64), 255, 0).astype(np.uint8), "a", "a"
        )
    ]
    rng = np.random.default_rng(5)
    shown = 0
    for _ in range(40):
        picture, labels = labelled_scene(coins, [], rng)
        assert picture.shape == (256, 256, 3)
        assert labels.shape == (256, 256, 2)
        assert not (labels[:, :, 1] > labels[:, :, 0]).any()
        shown += bool(labels[:, :, 0].any())
    assert shown > 25


def test_a_proof_coins_field_is_dark_and_its_relief_is_not():
    rgb = np.full((128, 128, 3), 150, np.uint8)
    rng = np.random.default_rng(0)
    rgb[40:90, 40:90] = rng.integers(60, 240, (50, 50, 1))  # struck detail
    coin = CoinPicture(rgb, np.where(disc(64, 64, 60, 128), 255, 0).astype(np.uint8), "a", "a")
    proof = _as_proof(coin, rng)
    assert proof[45:85, 45:85].mean() > 2 * proof[20:30, 55:75].mean()
    assert proof[20:30, 55:75].mean() < 70


def test_things_that_are_no_coins_lie_in_the_picture_and_not_in_its_labels():
    """Red things among grey coins: where it is red, nothing is labelled."""
    mask = np.where(disc(32, 32, 30, 64), 255, 0).astype(np.uint8)
    coin = CoinPicture(np.full((64, 64, 3), 150, np.uint8), mask, "a", "a")
    red = CoinPicture(
        np.stack([np.full((64, 64), 255, np.uint8), *np.zeros((2, 64, 64), np.uint8)], axis=2), mask, "b", "b"
    )
    settings = SceneSettings(coin_width=(0.2, 0.3), tilt=0.0, shadow=0.0, glare=0.0, jpeg_quality=None)
    ground = np.full((256, 256, 3), 100, np.uint8)
    laid = 0
    for seed in range(60):
        among = _among([red], ground, settings, np.random.default_rng(seed))
        laid += bool((among != ground).any())
        if (among != ground).any():
            assert ((among[:, :, 0] > 150) & (among[:, :, 1] < 60)).sum() > 500
    assert 2 < laid < 20
    for seed in range(30):
        picture, labels = labelled_scene([coin], [], np.random.default_rng(seed), [red])
        again, same = labelled_scene([coin], [], np.random.default_rng(seed), [red])
        assert (picture == again).all()
        assert (labels == same).all()


def test_drawn_things_that_are_no_coins_are_cut_out_as_coins_are():
    things = load_no_coins(None, size=48)
    assert len(things) >= 40
    for thing in things:
        assert thing.rgb.shape == (48, 48, 3)
        assert thing.mask.shape == (48, 48)
        assert (thing.mask > 0).mean() > 0.5


def test_a_coin_of_two_metals_keeps_its_relief_and_has_one_colour_a_metal():
    rng = np.random.default_rng(5)
    mask = np.where(disc(100, 120, 80), np.uint8(255), np.uint8(0))
    rgb = np.repeat(rng.integers(120, 140, (256, 256, 1), np.uint8), 3, axis=2)
    coin = CoinPicture(rgb, mask, "a", "a")
    for _ in range(8):
        bimetal = _as_bimetal(coin, rng).astype(float)
        core, ring = bimetal[disc(100, 120, 40)], bimetal[disc(100, 120, 78) & ~disc(100, 120, 68)]
        tones = [part.mean(axis=0) / part.mean() for part in (core, ring)]
        assert np.abs(tones[0] - tones[1]).max() > 0.03
        shown = np.corrcoef(core[:, 0], rgb[disc(100, 120, 40)][:, 0])[0, 1]
        assert shown > 0.95

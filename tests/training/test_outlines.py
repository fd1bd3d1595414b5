"""Outlines of the largest coin at a threshold, by nets whose answer is known."""

from math import log

import cv2
import numpy as np
import pytest

from training.outlines import (
    AtThreshold,
    intersection_over_union,
    largest_by_one_look,
    largest_by_two_looks,
    largest_refined,
)

LOOKS = (largest_by_one_look, largest_by_two_looks, largest_refined)

cv2.setNumThreads(1)


def brightness_net(channels):
    """Coin where a pixel is bright: its logit is that of the probability grey / 255; the core is a little inside."""

    def net(pixels):
        probability = np.clip(pixels[..., 0] / np.float32(255), 1e-3, 1 - 1e-3)
        coin = np.log(probability / (1 - probability)).astype(np.float32)
        core = np.stack([cv2.erode(one, np.ones((9, 9))) for one in coin])
        return np.stack([coin, core], axis=-1)[..., :channels]

    return net


def frame(*circles, width=600, height=400):
    rgb = np.zeros((height, width, 3), np.uint8)
    for x, y, radius, grey in circles:
        cv2.circle(rgb, (x, y), radius, (grey, grey, grey), -1)
    return rgb


def test_iou_by_hand():
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert intersection_over_union(a, b) == 1
    a[:, :2], b[:, 1:3] = True, True
    assert intersection_over_union(a, b) == pytest.approx(4 / 12)


def test_a_threshold_moves_the_logit_at_which_coins_begin():
    logits = AtThreshold(lambda pixels: np.full((1, 2, 2, 1), log(0.4 / 0.6), np.float32), 0.3)(None)
    assert logits.shape == (1, 2, 2, 2)  # without a channel of cores, coins are their own
    assert logits[0, 0, 0].tolist() == pytest.approx([log(0.4 / 0.6) - log(0.3 / 0.7)] * 2, abs=1e-6)
    assert (AtThreshold(lambda pixels: np.full((1, 2, 2, 1), log(0.4 / 0.6), np.float32), 0.5)(None) < 0).all()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("look", LOOKS)
def test_the_largest_coin_is_outlined_in_the_frames_own_pixels(look, channels):
    rgb = frame((150, 200, 60, 255), (430, 210, 110, 255))
    found = look(rgb, AtThreshold(brightness_net(channels), 0.5))
    assert found.shape == rgb.shape[:2]
    truth = frame((430, 210, 110, 255))[:, :, 0] > 0
    assert intersection_over_union(found, truth) > (0.96 if look is largest_by_one_look else 0.98)


def test_the_second_look_is_the_finer_one_for_a_small_coin():
    rgb = frame((700, 500, 60, 255), width=1200, height=1000)
    net, truth = AtThreshold(brightness_net(1), 0.5), rgb[:, :, 0] > 0
    one, two = (intersection_over_union(look(rgb, net), truth) for look in (largest_by_one_look, largest_by_two_looks))
    assert two > one


def test_a_dim_coin_is_there_from_the_lower_threshold_only():
    rgb = frame((300, 200, 100, 100))  # probability 0.39
    for look in LOOKS:
        assert not look(rgb, AtThreshold(brightness_net(1), 0.5)).any()
        assert look(rgb, AtThreshold(brightness_net(1), 0.3)).any()


def test_the_hole_of_a_coin_is_no_coin():
    rgb = frame((300, 200, 150, 255), (300, 200, 40, 0))
    found = largest_by_two_looks(rgb, AtThreshold(brightness_net(1), 0.5))
    assert not found[200, 300]
    assert intersection_over_union(found, rgb[:, :, 0] > 0) > 0.98

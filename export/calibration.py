"""The pictures that show an int8 converter which values a net's tensors take."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE, cut_out
from coindex.manifest import LabelledPhoto
from training.scenes import labelled_scene
from training.sources import load_coins
from training.views import ViewSettings, phone_view

__all__ = ["CALIBRATION_PICTURES", "CORRECTING_PICTURES", "MIN_CALIBRATION", "calibration_pictures"]

CALIBRATION_PICTURES = 200
CORRECTING_PICTURES = 24
"""So many of them, the last, correct biases: each layer is run on them again. A second round, and more pictures,
changed no mask's IoU by more than 0.0006."""

MIN_CALIBRATION = 32
"""Fewer photos, or pictures made of them, do not show the ranges that activations take."""

SEED = 17


def calibration_pictures(
    photos: Sequence[LabelledPhoto], textures: Sequence[NDArray[np.uint8]]
) -> dict[str, NDArray[np.uint8]]:
    """Pictures uint8 (n, 256, 256, 3) for each net: cutouts for the embedder, scenes for the segmenter.

    Raises:
        PhotoError: If a photo cannot be read.
    """
    rng = np.random.default_rng(SEED)
    chosen = rng.permutation(len(photos))[:CALIBRATION_PICTURES]
    coins = load_coins([photos[int(i)] for i in chosen], size=SIZE)
    picks = [coins[int(i)] for i in rng.integers(0, len(coins), CALIBRATION_PICTURES)]
    cutouts = [
        cut_out(coin.rgb, coin.mask) if number % 2 else phone_view(coin, size=SIZE, settings=ViewSettings(), rng=rng)
        for number, coin in enumerate(picks)
    ]
    scenes = [labelled_scene(coins, textures, rng)[0] for _ in range(CALIBRATION_PICTURES)]
    pictures = {"segmenter": np.stack(scenes), "embedder": np.stack(cutouts)}
    for batch in pictures.values():
        # One pixel of each makes sure of 0 and 255, which fix the input's scale at 1/128.
        batch[0, 0, 0], batch[0, 0, 1] = 0, 255
    return pictures

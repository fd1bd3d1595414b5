"""The exported relief net beside the float net that it came from."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the export extra")

import torch

from coindex.cutout import cut_out
from coindex.errors import ExportError
from coindex.models import DEFAULT_FOLDER
from coindex.relief import INPUT_SHAPE, LIMIT
from coindex.relief_net import LiteRTReliefNet
from coindex_synthetic import Specimen, coin_type, phone_lighting, render_coin
from export.commands import export_relief_net
from export.relief import relief_pictures
from training.nets import read_relief_net, to_input
from training.places import CHECKPOINTS, RELIEF


@pytest.fixture(scope="module")
def cutouts():
    rng = np.random.default_rng(0)
    coins = [
        render_coin(coin_type(seed), "obverse", size=256, specimen=Specimen(), lighting=phone_lighting(rng))
        for seed in (3, 4)
    ]
    return np.stack([cut_out(coin.rgb, coin.mask) for coin in coins])


def test_the_shipped_net_says_what_the_float_net_says(cutouts):
    shipped = LiteRTReliefNet(DEFAULT_FOLDER / "relief.tflite")
    net = read_relief_net(CHECKPOINTS / RELIEF)
    with torch.no_grad():
        exact = net(to_input(relief_pictures(cutouts))).permute(0, 2, 3, 1).numpy()
    made = np.stack([shipped(cutout).values for cutout in cutouts])
    steps = exact * 128 / 16  # an output of ±1 is ±128 steps of the file, sixteen a step of the map
    cosine = (made * steps).sum() / np.sqrt((made.astype(float) ** 2).sum() * (steps**2).sum())
    assert cosine > 0.97
    assert np.abs(made - np.clip(steps, -LIMIT, LIMIT)).mean() < 0.8


def test_calibration_pictures_hold_the_ends_of_the_range(cutouts):
    pictures = relief_pictures(cutouts)
    assert pictures.shape == (2, *INPUT_SHAPE[1:])
    assert pictures.min() == 0 and pictures.max() == 255


def test_a_relief_net_that_was_not_trained_is_named_before_a_photo_is_read(tmp_path):
    with pytest.raises(ExportError, match=r"relief\.safetensors: no such file; train the relief net first"):
        export_relief_net(tmp_path / "absent.csv", checkpoints=tmp_path, out=tmp_path / "models")
    assert not (tmp_path / "models").exists()

"""The shipped relief net: what it takes, what it makes of a coin, and what is refused."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from coindex.cutout import cut_out
from coindex.errors import ModelError
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, load_models, read_index
from coindex.relief import compare, relief_id
from coindex.relief_net import LiteRTReliefNet
from coindex_synthetic import Specimen, coin_type, phone_lighting, render_coin, studio_lighting


def cutout_of(seed, step=0, lighting=studio_lighting, side="reverse"):
    rng = np.random.default_rng(seed)
    coin = render_coin(coin_type(seed, step=step), side, size=256, specimen=Specimen(), lighting=lighting(rng))
    return cut_out(coin.rgb, coin.mask)


@pytest.fixture(scope="module")
def net():
    return LiteRTReliefNet(DEFAULT_FOLDER / "relief.tflite")


def test_a_coin_turned_by_a_quarter_is_found_at_that_angle(net):
    upright = cutout_of(7)
    turned = np.ascontiguousarray(cv2.rotate(upright, cv2.ROTATE_90_CLOCKWISE))
    (match,) = compare(net(turned), net(upright).map[None])
    assert match.angle == 90.0
    assert match.score > 9_000


def test_a_coin_in_other_light_is_more_like_itself_than_another_value_of_its_series(net):
    seeds = (7, 11, 12, 15)
    right = 0
    for seed in seeds:
        maps = np.stack([net(cutout_of(seed, step)).map for step in range(3)])
        matches = compare(net(cutout_of(seed, 0, phone_lighting)), maps)
        right += matches[0].score == max(match.score for match in matches)
    assert right == len(seeds)


def test_another_net_is_refused_by_its_input():
    with pytest.raises(ModelError, match=r"expected int8 or uint8 \(1, 64, 304, 1\)"):
        LiteRTReliefNet(DEFAULT_FOLDER / "embedder.tflite")


@pytest.fixture
def folder(tmp_path):
    for name in (INDEX_NAME, "segmenter.tflite", "embedder.tflite", "relief.tflite"):
        shutil.copyfile(DEFAULT_FOLDER / name, tmp_path / name)
    return tmp_path


def changed(folder: Path, change):
    document = json.loads((folder / INDEX_NAME).read_bytes())
    change(document)
    (folder / INDEX_NAME).write_text(json.dumps(document))
    return read_index(folder / INDEX_NAME)


def test_models_without_a_relief_net_are_models_all_the_same(folder):
    def without(document):
        del document["relief"], document["models"]["relief"]

    assert changed(folder, without).relief is None
    (folder / "relief.tflite").unlink()
    assert load_models(folder).relief is None


def test_maps_of_another_contract_are_left_alone(folder):
    def later(document):
        document["relief"] = {"version": 2, "whatever": True}

    assert changed(folder, later).relief is None


def test_an_id_that_does_not_follow_from_the_net_is_refused(folder):
    with pytest.raises(ModelError, match="relief_id"):
        changed(folder, lambda document: document["relief"].update(relief_id="0" * 16))


def test_a_damaged_net_is_refused(folder):
    content = bytearray((folder / "relief.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "relief.tflite").write_bytes(bytes(content))
    with pytest.raises(ModelError, match="SHA-256"):
        load_models(folder)


def test_the_index_names_the_shipped_net_and_the_maps_that_it_makes():
    index = read_index(DEFAULT_FOLDER / INDEX_NAME)
    assert index.relief is not None
    assert list(index.nets) == ["segmenter", "embedder", "relief"]
    assert index.relief.relief_id == relief_id(index.nets["relief"].sha256)
    assert index.nets["relief"].bytes <= 300_000

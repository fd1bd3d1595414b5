"""A pack of coins gives back what was packed, and refuses what it was not packed for."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

from coindex.errors import TrainingError
from training.data import Pools, synthetic_coins
from training.embedder import Retrieval
from training.pack import describe_pack, read_pack, write_pack
from training.presets import read_preset

SETTINGS = read_preset("tiny").data
SIZE = 64


@pytest.fixture(scope="module")
def pools():
    coins = synthetic_coins(range(3, 5), 2, 2, size=SIZE)
    return Pools({"train": coins[:4], "synthetic": coins[4:], "empty": ()}, (Retrieval("a/b", coins[:1], coins[1:3]),))


@pytest.fixture(scope="module")
def packed(pools, tmp_path_factory):
    path = tmp_path_factory.mktemp("pack") / "coins.npz"
    write_pack(path, pools, SETTINGS, size=SIZE)
    return path


def same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert (one.label, one.design) == (other.label, other.design)
        assert (one.mask == other.mask).all()
        assert np.abs(one.rgb.astype(int) - other.rgb).mean() < 6  # WebP keeps the picture, not each pixel


def test_a_pack_gives_back_every_coin_with_its_mask_and_labels(pools, packed):
    read = read_pack(packed, SETTINGS, size=SIZE)
    assert list(read.sources) == list(pools.sources)
    for name, coins in pools.sources.items():
        same(read.sources[name], coins)
    (retrieval,) = read.retrievals
    assert retrieval.name == "a/b"
    same(retrieval.catalog, pools.retrievals[0].catalog)
    same(retrieval.queries, pools.retrievals[0].queries)


def test_a_pack_of_another_preset_is_refused_by_what_differs(packed):
    with pytest.raises(TrainingError, match="other settings than the preset's: synthetic_types, source_size"):
        read_pack(packed, replace(SETTINGS, synthetic_types=9), size=SIZE + 1)


def test_a_pack_for_shipping_is_not_read_for_data_without_a_licence(packed):
    with pytest.raises(TrainingError, match="licences"):
        read_pack(packed, replace(SETTINGS, licences={"train": "MIT"}), size=SIZE)


@pytest.mark.parametrize("damage", [b"", b"no pack at all"])
def test_another_file_is_no_pack(tmp_path, damage):
    (tmp_path / "coins.npz").write_bytes(damage)
    with pytest.raises(TrainingError, match="not a pack of coins"):
        read_pack(tmp_path / "coins.npz", SETTINGS, size=SIZE)


def test_half_a_pack_is_no_pack(packed, tmp_path):
    whole = packed.read_bytes()
    (tmp_path / "coins.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match="write it again"):
        read_pack(tmp_path / "coins.npz", SETTINGS, size=SIZE)


def test_a_pack_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TrainingError, match="no such file"):
        describe_pack(tmp_path / "coins.npz")

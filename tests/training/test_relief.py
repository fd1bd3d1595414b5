"""Training of the relief net: its loss by hand, its shapes, and a whole training in small."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

import torch

from coindex.errors import ModelError
from coindex.relief import INPUT_SHAPE, OUTPUT_SHAPE, QueryRelief, compare, reference_map
from coindex_synthetic import write_catalogue
from training.data import load_pools
from training.nets import Embedder, ReliefNet, read_relief_net, read_segmenter, save_checkpoint, to_input
from training.presets import read_preset
from training.relief import best_cosines, pair_loss, train_relief

BACKBONE = "mobilenetv2_050"


def pictures(count: int = 2) -> torch.Tensor:
    return to_input(np.random.default_rng(0).integers(0, 256, (count, *INPUT_SHAPE[1:]), dtype=np.uint8))


def test_the_net_makes_what_a_device_expects() -> None:
    with torch.no_grad():
        made = ReliefNet(BACKBONE).eval()(pictures())
    assert made.permute(0, 2, 3, 1).shape[1:] == OUTPUT_SHAPE[1:]
    assert made.abs().max() <= 1


def test_turning_the_picture_by_a_step_shifts_the_map_by_one() -> None:
    polar = torch.rand(1, 1, 64, 256)
    net = ReliefNet(BACKBONE).eval()
    with torch.no_grad():
        upright, turned = (
            net(torch.cat([each[..., -24:], each, each[..., :24]], dim=3))
            for each in (polar, torch.roll(polar, 4, dims=3))
        )
    # The stages halve twice, so a phase of them is four columns.
    assert torch.allclose(torch.roll(upright, 1, dims=3), turned, atol=1e-5)


def test_a_net_begins_with_what_the_embedder_sees() -> None:
    embedder, net = Embedder(BACKBONE, side=64).eval(), ReliefNet(BACKBONE).eval()
    net.begin_as(embedder.backbone)
    grey = pictures()
    with torch.no_grad():
        backbone = embedder.backbone
        expected = backbone.blocks[:2](backbone.bn1(backbone.conv_stem(grey.expand(-1, 3, -1, -1))))
        assert torch.allclose(net.details(grey), expected, atol=1e-5)


def test_batch_norms_keep_their_statistics_in_training() -> None:
    net = ReliefNet(BACKBONE).train()
    before = net.norm.running_mean.clone()
    net(pictures())
    assert torch.equal(net.norm.running_mean, before)


def test_cosines_are_what_devices_score() -> None:
    rng = np.random.default_rng(1)
    reliefs = [QueryRelief(rng.integers(-7, 8, OUTPUT_SHAPE[1:]).astype(np.int8)) for _ in range(3)]
    maps = np.stack([reference_map(relief) for relief in reliefs])
    scores = np.array([[match.score for match in compare(relief, maps)] for relief in reliefs])
    values = torch.tensor(np.stack([relief.values for relief in reliefs])).permute(0, 3, 1, 2).float()
    cosines = best_cosines(values, values[..., ::2])
    assert np.abs(10_000 * cosines.clamp(0, 1).numpy() - scores).max() < 3


def test_the_loss_is_worked_by_hand_and_leaves_out_what_is_no_negative() -> None:
    cosines = torch.tensor([[0.5, 0.2, 0.1], [0.3, 0.4, 0.0], [0.0, 0.0, 1.0]])
    apart = pair_loss(cosines, torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2]), 1.0)
    by_hand = -torch.log_softmax(cosines, dim=1).diagonal().mean()
    assert apart == pytest.approx(float(by_hand))
    # The first two are of one design: neither is the other's negative.
    alike = pair_loss(cosines, torch.tensor([0, 1, 2]), torch.tensor([0, 0, 2]), 1.0)
    rows = [[0.5, 0.1], [0.4, 0.0], [1.0, 0.0, 0.0]]
    expected = -np.mean([row[0] - np.log(np.exp(row).sum()) for row in rows])
    assert float(alike) == pytest.approx(expected)


def test_a_relief_net_trains_and_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    manifest = write_catalogue(tmp_path / "set", types=2, seed=5, size=96, specimens=2, split="train")
    preset = read_preset("tiny")
    assert preset.relief is not None
    pools = load_pools(manifest, preset.data, size=preset.relief.source_size)
    embedder = Embedder(preset.relief.backbone, side=64).eval()
    net = train_relief(pools.sources, (), preset.relief, embedder=embedder, run=tmp_path / "run", workers=0)
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(np.isfinite(row["validation_loss"]) for row in rows)
    settings = {"settings": json.dumps({"backbone": preset.relief.backbone})}
    save_checkpoint(tmp_path / "r.safetensors", net, settings)
    with torch.no_grad():
        before, after = (each(pictures()) for each in (net, read_relief_net(tmp_path / "r.safetensors")))
    assert (before - after).abs().max() < 0.02
    # What the embedder's training left stays: only the late stage and the head were trained.
    begun = ReliefNet(preset.relief.backbone)
    begun.begin_as(embedder.backbone)
    assert torch.equal(begun.stem.weight, net.stem.weight)
    with pytest.raises(ModelError):
        read_segmenter(tmp_path / "r.safetensors")

"""A whole training in small: photos in, a checkpoint out, stopped and resumed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

import torch

from coindex.errors import ModelError, TrainingError
from coindex_synthetic import write_catalogue
from training.data import load_pools
from training.embedder import train_embedder
from training.loop import STATE, Reporter, average_into
from training.losses import SubCentreArcFace
from training.nets import Embedder, backbone_weights, read_embedder, read_segmenter, save_checkpoint, to_input
from training.presets import read_preset
from training.segmenter import train_segmenter


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalogue(
        tmp_path_factory.mktemp("photos") / "set", types=2, seed=5, size=96, specimens=2, split="train"
    )


def test_an_embedder_trains_and_comes_back_from_its_checkpoint(manifest: Path, tmp_path: Path) -> None:
    preset = read_preset("tiny")
    pools = load_pools(manifest, preset.data, size=preset.embedder.source_size)
    rows: list[dict[str, object]] = []
    net = train_embedder(pools.sources, (), preset.embedder, weights=None, run=tmp_path / "run", workers=0)
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    settings = {"backbone": preset.embedder.backbone, "side": preset.embedder.side}
    save_checkpoint(tmp_path / "e.safetensors", net, {"settings": json.dumps(settings)})
    pictures = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    with torch.no_grad():
        before, after = (each(to_input(pictures)) for each in (net, read_embedder(tmp_path / "e.safetensors")))
    assert torch.nn.functional.cosine_similarity(before, after).min() > 0.999
    with pytest.raises(ModelError, match="not a checkpoint of this architecture"):
        read_segmenter(tmp_path / "e.safetensors")


def test_stages_learn_in_the_free_epochs_and_are_held_after_them(manifest: Path, tmp_path: Path) -> None:
    preset = read_preset("tiny")
    settings = replace(preset.embedder, held_stages=3, free_epochs=1, epochs=3)
    pools = load_pools(manifest, preset.data, size=settings.source_size)
    kept: list[dict[str, torch.Tensor]] = []
    keep = Reporter(epoch=lambda history, judgement: kept.append(torch.load(tmp_path / STATE)["net"]))
    torch.manual_seed(0)
    begun = Embedder(settings.backbone).state_dict()
    train_embedder(pools.sources, (), settings, weights=None, run=tmp_path, workers=0, report=keep)
    early = [name for name in begun if name.startswith(("backbone.conv_stem", "backbone.blocks.2"))]
    assert any(not torch.equal(begun[name], kept[0][name]) for name in early)
    assert all(torch.equal(kept[0][name], kept[2][name]) for name in early)
    assert not torch.equal(kept[1]["projection.weight"], kept[2]["projection.weight"])


def test_a_finished_run_is_not_trained_again(manifest: Path, tmp_path: Path) -> None:
    preset = read_preset("tiny")
    pools = load_pools(manifest, preset.data, size=preset.embedder.source_size)
    coins = tuple(coin for source in pools.sources.values() for coin in source)
    first = train_segmenter(coins, (), (coins, ()), preset.segmenter, weights=None, run=tmp_path, workers=0)
    second = train_segmenter(coins, (), (coins, ()), preset.segmenter, weights=None, run=tmp_path, workers=0)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == preset.segmenter.epochs


def test_a_forked_worker_composes_although_opencv_has_threads(manifest: Path, tmp_path: Path) -> None:
    # In a process of its own: a worker that waits for OpenCV's lost threads would hang this one.
    command = [sys.executable, "-m", "coindex", "train", "embedder", "--preset", "tiny", "--weights", "random"]
    command += ["--threads", "1", "--data", str(manifest), "--run", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert read_embedder(tmp_path / "run" / "embedder.safetensors").side == 64


def test_missing_pretrained_weights_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--weights FILE"):
        backbone_weights(tmp_path / "none.npz", "mobilenetv2_100")


def test_a_damaged_checkpoint_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "e.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"e\.safetensors"):
        read_embedder(tmp_path / "e.safetensors")


def test_the_running_average_starts_at_once_and_slows_down() -> None:
    average, net = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(average.weight)
    torch.nn.init.ones_(net.weight)
    average_into(average, net, step=0, decay=0.99)
    assert average.weight.item() == pytest.approx(0.9)  # a tenth of the old one is left
    torch.nn.init.zeros_(average.weight)
    average_into(average, net, step=100_000, decay=0.99)
    assert average.weight.item() == pytest.approx(0.01)


def test_centres_are_weights_of_the_loss_and_are_trained_with_it() -> None:
    loss = SubCentreArcFace(3, torch.arange(3), dimensions=4, margin=0.2, scale=25.0, centres=2)
    assert [name for name, _ in loss.named_parameters()] == ["weight"]
    assert loss.weight.shape == (3, 2, 4)

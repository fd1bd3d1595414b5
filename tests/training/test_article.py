"""The article's trainings, whole but small, from the command line."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

from safetensors import safe_open
from typer.testing import CliRunner

import training.segmenter
from coindex_synthetic import write_catalogue
from training.commands import train
from training.nets import read_embedder, read_segmenter

SMALL = {
    "tf_efficientnet_b0": "mobilenetv2_050",
    "tf_efficientnet_b4": "mobilenetv2_050",
    "[256, 128, 64, 32, 16]": "[16, 16, 8, 8, 8]",
    "epochs = 30": "epochs = 1",
    "epochs = 20": "epochs = 1",
    "views_per_epoch = 9600": "views_per_epoch = 16",
    "scenes_per_epoch = 3200": "scenes_per_epoch = 8",
    "batch = 64": "batch = 8",
    "batch = 16": "batch = 4",
    "side = 256": "side = 64",
}


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The article's preset with nets and epochs that fit a test."""
    text = (files("training") / "presets" / "article.toml").read_text("utf-8")
    for large, small in SMALL.items():
        assert large in text
        text = text.replace(large, small)
    path = tmp_path_factory.mktemp("preset") / "small.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    header, lines = "", []
    for part, seed, specimens in (("train", 5, 2), ("val_catalog", 90, 1), ("val_query", 90, 1)):
        write_catalogue(folder / part, types=2, seed=seed, size=96, specimens=specimens, split=part)
        header, *body = (folder / part / "manifest.csv").read_text("utf-8").splitlines()
        lines += [f"{part}/{line}" for line in body]
    (folder / "manifest.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return folder / "manifest.csv"


def trained(net: str, manifest: Path, preset: Path, run: Path) -> list[dict[str, dict[str, float]]]:
    arguments = [net, "--preset", str(preset), "--data", str(manifest), "--weights", "random", "--run", str(run)]
    done = CliRunner().invoke(train, [*arguments, "--threads", "1", "--workers", "0"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with safe_open(run / f"{net}.safetensors", "pt") as file:
        assert file.metadata()["weights"] == "random init"
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def test_an_epoch_of_the_embedder_says_validation_loss_and_recall_on_unseen_classes(
    manifest: Path, preset: Path, tmp_path: Path
) -> None:
    (row,) = trained("embedder", manifest, preset, tmp_path / "run")
    assert np.isfinite(row["validation_loss"])
    assert list(row["recall"]["val_catalog/val_query"]) == ["1", "2", "5", "10", "20"]
    assert read_embedder(tmp_path / "run" / "embedder.safetensors", picture="rgb").side == 64


def test_an_epoch_of_the_segmenter_says_iou_at_both_thresholds_in_one_look_and_two(
    manifest: Path, preset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training.segmenter, "VALIDATION_COMPOSITES", 4)
    rows = trained("segmenter", manifest, preset, tmp_path / "run")
    assert len(rows) == 1
    for row in rows:
        assert list(row["iou"]) == ["coin@0.3", "one look@0.3", "coin@0.5", "one look@0.5"]
        assert all(0 <= value <= 1 for value in row["iou"].values())
    read_segmenter(tmp_path / "run" / "segmenter.safetensors", channels=1)

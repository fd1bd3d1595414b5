"""What export refuses before it begins, and that the shipped models come from the shipped weights."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("onnxsim", reason="needs the export extra")

from coindex.cutout import cut_out
from coindex.errors import ExportError, ModelError
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, load_models
from coindex.open_set import OpenSet
from coindex.synthetic import write_catalogue
from export.commands import export
from export.tflite import to_tflite_int8
from training.data import synthetic_coins
from training.places import CHECKPOINTS, EMBEDDER, SEGMENTER
from training.runtime import load_torch


def manifest_of(folder: Path, split: str) -> Path:
    return write_catalogue(folder / "set", types=1, seed=3, size=64, split=split)


@pytest.mark.parametrize(
    ("split", "reason"),
    [("holiday", "no photo of a training split"), ("train", "the splits val_catalog and val_query")],
)
def test_photos_that_cannot_calibrate_are_refused_and_the_former_models_stay(
    tmp_path: Path, split: str, reason: str
) -> None:
    out = tmp_path / "models"
    out.mkdir()
    (out / INDEX_NAME).write_text("former")
    with pytest.raises(ExportError, match=reason):
        export(data=manifest_of(tmp_path, split), preset="tiny", out=out)
    assert [path.name for path in out.iterdir()] == [INDEX_NAME]
    assert (out / INDEX_NAME).read_text() == "former"


def test_calibrating_alone_changes_the_decision_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, decision = tmp_path / "models", OpenSet(1, 2, 3, 4, 5, 6, 7, 8)
    shutil.copytree(DEFAULT_FOLDER, out)
    before = json.loads((out / INDEX_NAME).read_text("utf-8"))
    (out / INDEX_NAME).write_text(json.dumps({**before, "format": 1, "open_set": {"threshold": 33_097}}))
    monkeypatch.setattr("export.commands.calibrate", lambda photos, pairs, models, on_progress: decision)
    write_catalogue(tmp_path / "set", types=1, seed=3, size=64, split="val_catalog")
    manifest = tmp_path / "set" / "manifest.csv"
    with pytest.raises(ExportError, match="the splits val_catalog and val_query"):
        export(data=manifest, preset="mobile", out=out, calibrate_only=True)
    header, first, second = manifest.read_text().splitlines()
    manifest.write_text("\n".join([header, first, second.replace("val_catalog", "val_query")]))
    export(data=manifest, preset="mobile", out=out, calibrate_only=True)
    assert json.loads((out / INDEX_NAME).read_text("utf-8")) == {**before, "open_set": decision.document()}
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in DEFAULT_FOLDER.iterdir())
    assert load_models(out).index.open_set == decision


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"segmenter\.safetensors: no such checkpoint"):
        export(data=manifest_of(tmp_path, "train"), preset="tiny", checkpoints=tmp_path, out=tmp_path / "models")


def test_too_few_or_too_pale_calibration_pictures_are_refused(tmp_path: Path) -> None:
    few = np.zeros((3, 256, 256, 3), np.uint8)
    with pytest.raises(ExportError, match="3 calibration pictures; at least 32"):
        to_tflite_int8(tmp_path / "net.onnx", few, tmp_path / "net.tflite")
    pale = np.full((32, 256, 256, 3), 200, np.uint8)
    with pytest.raises(ExportError, match="0 and 255"):
        to_tflite_int8(tmp_path / "net.onnx", pale, tmp_path / "net.tflite")


def test_the_shipped_models_come_from_the_shipped_weights() -> None:
    document = json.loads((DEFAULT_FOLDER / INDEX_NAME).read_text("utf-8"))
    for name, checkpoint in (("embedder", EMBEDDER), ("segmenter", SEGMENTER)):
        digest = hashlib.sha256((CHECKPOINTS / checkpoint).read_bytes()).hexdigest()
        assert document[f"{name}_checkpoint_sha256"] == digest


def test_the_shipped_int8_embedder_points_where_the_float_one_does() -> None:
    coins = synthetic_coins(range(40, 44), 2, 1, size=256)
    cutouts = np.stack([cut_out(coin.rgb, coin.mask) for coin in coins])
    device, reference = (
        models.embedder(cutouts) for models in (load_models(DEFAULT_FOLDER), load_torch(DEFAULT_FOLDER))
    )
    cosine = (device * reference).sum(axis=1) / np.linalg.norm(device, axis=1) / np.linalg.norm(reference, axis=1)
    assert np.median(cosine) >= 0.99

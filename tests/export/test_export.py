"""An export as a whole: what it makes, what it refuses, and that the shipped models come from the shipped weights."""

import hashlib
import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("onnxsim", reason="needs the export extra")

from coindex.cli import main
from coindex.cutout import cut_out
from coindex.errors import ExportError, ModelError
from coindex.evaluation import load_runtime
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, load_models
from coindex.open_set import OpenSet, ReliefOpenSet
from coindex_synthetic import write_catalogue
from export.commands import export_calibrate, export_coreml, export_models
from export.coreml import package_digest
from export.description import Description
from export.index import TERMS, entries
from export.variants import NETS, VARIANTS, load_variant
from training.data import synthetic_coins
from training.nets import read_embedder, save_checkpoint
from training.places import CHECKPOINTS, EMBEDDER, SEGMENTER
from training.torch_runtime import load_torch

DECISION = OpenSet(1, 2, 3, 4, 5, 6, 7, 8)
RELIEF_DECISION = ReliefOpenSet(0.1, 2, 3, 4, 5, 6, 7, 8, 9)


def decided(*_: object, **__: object) -> tuple[OpenSet, ReliefOpenSet]:
    return DECISION, RELIEF_DECISION


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of sixteen invented coins to calibrate with, and of three others as a catalogue and as queries."""
    folder = tmp_path_factory.mktemp("labelled")
    tables = [
        write_catalogue(folder / split, types=types, seed=seed, size=256, split=split)
        for split, types, seed in (("train", 16, 100_000), ("val_catalog", 3, 5), ("val_query", 3, 5))
    ]
    header = tables[0].read_text().splitlines()[0]
    rows = [f"{table.parent.name}/{line}" for table in tables for line in table.read_text().splitlines()[1:]]
    (folder / "manifest.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder / "manifest.csv"


CORRECTED_ON = 3
"""Pictures that the biases of Core ML packages are corrected on here: each costs seconds, layer by layer in float16."""


@pytest.fixture(scope="module")
def exported(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped checkpoints, exported whole, with a decision that is not worth its minutes here."""
    out = tmp_path_factory.mktemp("exported") / "models"
    out.mkdir()
    (out / "README.md").write_text("card")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.commands.calibrate", decided)
        patch.setattr("export.commands.CORRECTING_PICTURES", CORRECTED_ON)
        export_models(data=labelled, out=out)
    return out


def test_an_export_holds_every_format_of_both_nets_beside_what_was_there(exported: Path) -> None:
    nets = [f"{name}{variant.suffix}" for name in NETS for variant in VARIANTS]
    assert sorted(path.name for path in exported.iterdir()) == sorted(["README.md", INDEX_NAME, "relief.tflite", *nets])
    assert [path.name for path in exported.parent.iterdir()] == ["models"]
    models = load_models(exported).index
    assert models.open_set == DECISION and models.relief and models.relief.open_set == RELIEF_DECISION


def test_the_index_describes_each_file_as_it_is(exported: Path) -> None:
    document = json.loads((exported / INDEX_NAME).read_text("utf-8"))
    described = [entry for net in document["models"].values() for entry in (net, *net.get("variants", ()))]
    assert len(described) == len(NETS) * len(VARIANTS) + 1  # the relief net has one format
    for entry in described:
        path = exported / entry["file"]
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        assert entry["bytes"] == sum(file.stat().st_size for file in files)
        if path.is_file():
            assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        if entry["file"] != "relief.tflite":  # which has an id of its own
            assert entry["space_id"] == document["space_id"]
        assert {"name", "dtype", "shape"} <= set(entry["input"]) & set(entry["output"])
    int8 = document["models"]["embedder"]["input"]
    assert (int8["dtype"], int8["shape"], int8["scale"], int8["zero_point"]) == ("int8", [1, 256, 256, 3], 1 / 128, 0)
    assert document["tools"]["coremltools"] == version("coremltools")


def test_every_format_agrees_with_the_float_nets_as_its_index_says(exported: Path) -> None:
    document = json.loads((exported / INDEX_NAME).read_text("utf-8"))
    for variant in VARIANTS:
        embedder, segmenter = (entries(document, name)[variant]["parity"] for name in ("embedder", "segmenter"))
        assert embedder["cosine_median"] >= (0.9999 if "float" in variant.precision else 0.99), variant
        assert segmenter["iou"] >= (0.995 if "float" in variant.precision else 0.98), variant
        assert embedder["top1_agreement"] == 1.0, variant


def test_every_format_runs_by_the_name_of_its_runtime(exported: Path) -> None:
    black = np.zeros((1, 256, 256, 3), np.uint8)
    for variant in VARIANTS:
        models = load_variant(variant, exported)
        assert models.segmenter(black).shape == (1, 256, 256, 2), variant
        assert models.embedder(black).shape == (1, 64), variant


def test_a_format_that_the_folder_lacks_says_how_it_is_made(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT_FOLDER, tmp_path / "models")
    for path in (tmp_path / "models").glob("*.float16.tflite"):
        path.unlink()
    with pytest.raises(ModelError, match=r"segmenter\.float16\.tflite: missing.*coindex export"):
        load_runtime("litert-float16", tmp_path / "models")


def test_a_net_that_departs_too_far_is_refused_and_the_former_models_stay(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "models"
    shutil.copytree(DEFAULT_FOLDER, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def shipped_again(net: object, pictures: object, description: Description, folder: Path) -> None:
        for variant in VARIANTS:
            (folder / f"{description.name}{variant.suffix}").touch()

    monkeypatch.setattr("export.commands._convert", shipped_again)
    monkeypatch.setattr("export.commands.describe", lambda *_, **__: json.loads((out / INDEX_NAME).read_text("utf-8")))
    monkeypatch.setattr("export.commands.load_variant", lambda variant, folder: load_models(DEFAULT_FOLDER))
    far = {"iou": 1.0}, {"cosine_median": 0.4}
    measured = {variant.runtime: dict(zip(NETS, far, strict=True)) for variant in VARIANTS}
    monkeypatch.setattr("export.commands.measure", lambda *_, **__: measured)
    with pytest.raises(ExportError, match=r"embedder\.tflite: cosine_median 0\.4 beside the float net, expected 0\.98"):
        export_models(data=labelled, out=out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_weights_of_another_space_are_not_compared_with_the_models(tmp_path: Path) -> None:
    for name in (SEGMENTER, EMBEDDER):
        shutil.copyfile(CHECKPOINTS / name, tmp_path / name)
    net = read_embedder(CHECKPOINTS / EMBEDDER)
    settings = {"backbone": "mobilenetv2_100", "side": net.side}
    save_checkpoint(tmp_path / EMBEDDER, net, {"settings": json.dumps(settings), "note": "another file"})
    with pytest.raises(ModelError, match=r"makes codes of space \w+, the models are of space"):
        load_torch(DEFAULT_FOLDER, checkpoints=tmp_path)


def test_a_segmenter_in_the_embedders_place_is_refused(labelled: Path, tmp_path: Path) -> None:
    for name in (SEGMENTER, EMBEDDER):
        shutil.copyfile(CHECKPOINTS / SEGMENTER, tmp_path / name)
    with pytest.raises(ModelError, match=r"embedder\.safetensors: not a checkpoint of this architecture"):
        export_models(data=labelled, checkpoints=tmp_path, out=tmp_path / "models")
    assert not (tmp_path / "models").exists()


def manifest_of(folder: Path, split: str, *, types: int = 1) -> Path:
    return write_catalogue(folder / "set", types=types, seed=3, size=64, split=split)


@pytest.mark.parametrize(
    ("split", "types", "reason"),
    [
        ("holiday", 1, "0 photos belong to a training split"),
        ("train", 15, "30 photos belong to a training split .*at least 32"),
        ("train", 16, "the splits val_catalog and val_query"),
    ],
)
def test_photos_that_cannot_calibrate_are_refused_and_the_former_models_stay(
    tmp_path: Path, split: str, types: int, reason: str
) -> None:
    out = tmp_path / "models"
    out.mkdir()
    (out / INDEX_NAME).write_text("former")
    with pytest.raises(ExportError, match=reason):
        export_models(data=manifest_of(tmp_path, split, types=types), preset="tiny", out=out)
    assert [path.name for path in out.iterdir()] == [INDEX_NAME]
    assert (out / INDEX_NAME).read_text() == "former"


def test_calibrating_alone_changes_the_decision_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "models"
    shutil.copytree(DEFAULT_FOLDER, out)
    before = json.loads((out / INDEX_NAME).read_text("utf-8"))
    (out / INDEX_NAME).write_text(json.dumps({**before, "format": 1, "open_set": {"threshold": 33_097}}))
    monkeypatch.setattr("export.commands.calibrate", decided)
    write_catalogue(tmp_path / "set", types=1, seed=3, size=64, split="val_catalog")
    manifest = tmp_path / "set" / "manifest.csv"
    with pytest.raises(ExportError, match="the splits val_catalog and val_query"):
        export_calibrate(data=manifest, out=out)
    header, first, second = manifest.read_text().splitlines()
    manifest.write_text("\n".join([header, first, second.replace("val_catalog", "val_query")]))
    export_calibrate(data=manifest, out=out)
    relief = {**before["relief"], "open_set": RELIEF_DECISION.document()}
    now = {**before, "open_set": DECISION.document(), "relief": relief}
    assert json.loads((out / INDEX_NAME).read_text("utf-8")) == now
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in DEFAULT_FOLDER.iterdir())
    models = load_models(out).index
    assert models.open_set == DECISION and models.relief and models.relief.open_set == RELIEF_DECISION


def test_core_ml_alone_is_made_anew_and_nothing_else_changes(
    labelled: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "models"
    shutil.copytree(DEFAULT_FOLDER, out, ignore=shutil.ignore_patterns("*.mlpackage"))

    def converted(net: object, pictures: object, folder: Path, description: Description) -> None:
        for package in exported.glob(f"{description.name}.*.mlpackage"):
            shutil.copytree(package, folder / package.name)

    parity = {"segmenter": {"iou": 0.99}, "embedder": {"cosine_median": 0.98}}
    monkeypatch.setattr("export.commands.to_coreml", converted)
    monkeypatch.setattr("export.commands.measure", lambda formats, *_, **__: dict.fromkeys(formats, parity))
    export_coreml(data=labelled, out=out)
    packages = {path.name for path in exported.glob("*.mlpackage")}
    former = {path.name for path in DEFAULT_FOLDER.iterdir()}
    assert len(packages) == 6
    assert {path.name for path in out.iterdir()} == former | packages
    before, after = (json.loads((folder / INDEX_NAME).read_text("utf-8")) for folder in (DEFAULT_FOLDER, out))
    for name in NETS:
        assert (out / f"{name}.tflite").read_bytes() == (DEFAULT_FOLDER / f"{name}.tflite").read_bytes()
        for variant, entry in entries(after, name).items():
            if entry["file"] in packages:
                assert (entry["sha256"], entry["bytes"]) == package_digest(out / entry["file"])
                assert entry["parity"] == parity[name]
            else:
                former_entry = entries(before, name)[variant]
                assert {**entry, "variants": []} == {**former_entry, "variants": []}
    assert after["open_set"] == before["open_set"]


def test_packages_of_other_weights_are_not_put_beside_the_models_there(labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    shutil.copytree(DEFAULT_FOLDER, out)
    document = json.loads((out / INDEX_NAME).read_text("utf-8"))
    (out / INDEX_NAME).write_text(json.dumps({**document, "segmenter_checkpoint_sha256": "0" * 64}))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ExportError, match=r"models\.json: segmenter_checkpoint_sha256 is 0000.* from other weights"):
        export_coreml(data=labelled, out=out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("command", [[], ["models"], ["coreml"], ["drift"]])
def test_an_export_without_a_command_is_one_of_all_models(command: list[str], tmp_path: Path, capsys) -> None:
    data = str(manifest_of(tmp_path, "train"))
    with pytest.raises(SystemExit) as stopped:
        main(["export", *command, "--data", data, "--checkpoints", str(tmp_path)])
    assert stopped.value.code == 1
    assert "segmenter.safetensors: no such checkpoint" in capsys.readouterr().err


def test_help_names_each_part_of_an_export(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    assert set(re.findall(r"^\W+(\w+) ", capsys.readouterr().out, re.M)) >= {
        "models", "coreml", "calibrate", "golden", "drift",
    }  # fmt: skip


def test_the_index_says_what_may_be_done_with_the_weights(exported: Path) -> None:
    for folder in (exported, DEFAULT_FOLDER):
        assert json.loads((folder / INDEX_NAME).read_text("utf-8"))["terms"] == TERMS


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"segmenter\.safetensors: no such checkpoint"):
        export_models(data=manifest_of(tmp_path, "train"), preset="tiny", checkpoints=tmp_path, out=tmp_path / "models")


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

"""The index of the models, and what is refused."""

import hashlib
import json

import numpy as np
import pytest

from coindex import models as models_module
from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.errors import ModelError
from coindex.models import FORMAT, INDEX_NAME, ModelFile, load_models, load_nets, read_index
from coindex.open_set import OpenSet

CHECKPOINT = "c0" * 32
OPEN_SET = OpenSet(60_000.0, 3000.0, 4.5, -5e-5, -5.5, -0.1, 1.0, 129_032.0)


def document():
    def described(name):
        data = name.encode() * 9
        return {"file": f"{name}.tflite", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    return {
        "format": FORMAT,
        "space_id": space_id(CHECKPOINT, CUTOUT_VERSION, 254.0),
        "code_scale": 254.0,
        "cutout_version": CUTOUT_VERSION,
        "embedder_checkpoint_sha256": CHECKPOINT,
        "models": {"segmenter": described("segmenter"), "embedder": described("embedder")},
        "open_set": OPEN_SET.document(),
    }


@pytest.fixture
def folder(tmp_path):
    """A models folder whose nets are only bytes."""
    (tmp_path / INDEX_NAME).write_text(json.dumps(document()))
    for name in ("segmenter", "embedder"):
        (tmp_path / f"{name}.tflite").write_bytes(name.encode() * 9)
    return tmp_path


@pytest.fixture
def loaded(monkeypatch):
    """Stands in for LiteRT: the paths that would be loaded."""
    paths = []
    monkeypatch.setattr(models_module, "LiteRTNet", lambda path, *, content, threads: paths.append((path, threads)))
    return paths


def changed(folder, change):
    content = document()
    change(content)
    path = folder / INDEX_NAME
    path.write_text(json.dumps(content))
    return path


def test_every_field_is_read(folder):
    index = read_index(folder / INDEX_NAME)
    assert (index.space_id, index.code_scale) == (document()["space_id"], 254.0)
    assert index.embedder == ModelFile("embedder.tflite", document()["models"]["embedder"]["sha256"], 72)
    assert index.open_set == OPEN_SET


def test_further_fields_are_left_for_later_versions(folder):
    read_index(changed(folder, lambda content: content.update(note="hello")))


def test_a_missing_index_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"models\.json: no such file; .*download both"):
        read_index(tmp_path / INDEX_NAME)


@pytest.mark.parametrize("text", ["", "{", "coin", "\xff"])
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / INDEX_NAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"models\.json: not readable as JSON .*download it again"):
        read_index(tmp_path / INDEX_NAME)


@pytest.mark.parametrize("text", ["[]", "1", "null", "{}", '{"format": "1"}', '{"format": 0}', '{"format": true}'])
def test_json_that_is_no_index_is_refused(tmp_path, text):
    (tmp_path / INDEX_NAME).write_text(text)
    with pytest.raises(ModelError, match=r"models\.json: not an index of models"):
        read_index(tmp_path / INDEX_NAME)


def test_a_newer_format_asks_for_an_update_of_coindex(folder):
    with pytest.raises(ModelError, match=rf"format {FORMAT + 1}, this coindex reads format {FORMAT}; update coindex"):
        read_index(changed(folder, lambda content: content.update(format=FORMAT + 1)))


def test_an_older_format_says_how_it_is_brought_up_to_date(folder):
    with pytest.raises(ModelError, match=rf"format 1, this coindex reads format {FORMAT}; .*export calibrate"):
        read_index(changed(folder, lambda content: content.update(format=1)))


@pytest.mark.parametrize("name", OPEN_SET.document())
def test_a_missing_number_of_the_open_set_decision_is_named(folder, name):
    with pytest.raises(ModelError, match=rf"field '{name}' is missing"):
        read_index(changed(folder, lambda content: content["open_set"].pop(name)))


@pytest.mark.parametrize("name", [name for name in document() if name != "format"])
def test_a_missing_field_is_named(folder, name):
    with pytest.raises(ModelError, match=rf"models\.json: field '{name}' is missing"):
        read_index(changed(folder, lambda content: content.pop(name)))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(models=[]),
        lambda content: content["models"].pop("embedder"),
        lambda content: content["models"].update(embedder="embedder.tflite"),
        lambda content: content["models"]["segmenter"].update(bytes="many"),
        lambda content: content.update(code_scale="large"),
        lambda content: content.update(code_scale=None),
        lambda content: content["open_set"].update(limit=float("inf")),
        lambda content: content["open_set"].update(ratio=float("nan")),
        lambda content: content["open_set"].update(ratio=10**400),
        lambda content: content["open_set"].update(bias="1"),
        lambda content: content.update(open_set=[]),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(folder, change):
    with pytest.raises(ModelError, match="missing or of the wrong kind; export the models again"):
        read_index(changed(folder, change))


def test_models_for_another_cutout_contract_are_refused(folder):
    def change(content):
        version = CUTOUT_VERSION + 1
        content.update(cutout_version=version, space_id=space_id(CHECKPOINT, version, 254.0))

    with pytest.raises(
        ModelError, match=f"cutout contract {CUTOUT_VERSION + 1}, this coindex cuts by {CUTOUT_VERSION}"
    ):
        read_index(changed(folder, change))


@pytest.mark.parametrize(
    "change",
    [{"space_id": "0" * 16}, {"code_scale": 253.0}, {"embedder_checkpoint_sha256": "c1" * 32}],
    ids=lambda change: next(iter(change)),
)
def test_a_space_id_that_its_fields_do_not_give_is_refused(folder, change):
    with pytest.raises(ModelError, match="does not follow from its own fields"):
        read_index(changed(folder, lambda content: content.update(change)))


def test_both_nets_are_loaded_after_their_hashes_were_compared(folder, loaded):
    load_models(folder, threads=3)
    assert loaded == [(folder / "segmenter.tflite", 3), (folder / "embedder.tflite", 3)]


def test_nets_may_be_stored_elsewhere(folder, tmp_path, loaded):
    moved = {
        name: (folder / name).rename(tmp_path / f"moved-{name}") for name in ("segmenter.tflite", "embedder.tflite")
    }
    load_nets(read_index(folder / INDEX_NAME), lambda model: moved[model.file])
    assert [path for path, _ in loaded] == [*moved.values()]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"),
        lambda path: path.write_bytes(b""),
    ],
    ids=["truncated", "longer", "another byte", "empty"],
)
def test_a_net_that_is_not_the_one_described_is_refused(folder, loaded, damage):
    damage(folder / "embedder.tflite")
    with pytest.raises(ModelError, match=r"embedder\.tflite: not the file that models\.json describes .*download"):
        load_models(folder)


def test_a_net_of_another_size_than_described_is_refused(folder, loaded):
    changed(folder, lambda content: content["models"]["embedder"].update(bytes=71))
    with pytest.raises(ModelError, match=r"embedder\.tflite: not the file that models\.json describes"):
        load_models(folder)


def test_a_missing_net_is_refused(folder, loaded):
    (folder / "segmenter.tflite").unlink()
    with pytest.raises(ModelError, match=r"segmenter\.tflite: cannot be read \(No such file"):
        load_models(folder)


def test_a_described_file_that_is_no_net_is_refused(folder):
    with pytest.raises(ModelError, match=r"segmenter\.tflite: not a \.tflite model"):
        load_models(folder)


def test_the_shipped_models_load_and_answer():
    if not (models_module.DEFAULT_FOLDER / INDEX_NAME).is_file():
        pytest.skip("mobile_assets/models holds no models yet")
    models = load_models(models_module.DEFAULT_FOLDER)
    black = np.zeros((1, 256, 256, 3), np.uint8)
    assert models.segmenter(black).shape == (1, 256, 256, 2)
    assert models.embedder(black).shape == (1, 64)

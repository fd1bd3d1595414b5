"""What may be done with the weights follows from what their checkpoints name."""

import json

import numpy as np
import pytest

pytest.importorskip("coremltools", reason="needs the export extra")

from safetensors.numpy import save_file

from export.index import TERMS, terms_of, write_index
from training.places import CHECKPOINTS, EMBEDDER, RELIEF, SEGMENTER


def written(folder, **licences):
    for name in (EMBEDDER, SEGMENTER, RELIEF):
        metadata = {"settings": "{}"}
        if licences.get(name.split(".")[0]):
            metadata["licences"] = json.dumps(licences[name.split(".")[0]])
        save_file({"w": np.zeros(1, np.float32)}, folder / name, metadata=metadata)
    return folder


def test_weights_whose_every_source_has_a_licence_may_be_shipped(tmp_path):
    folder = written(
        tmp_path, embedder={"train_in": "Apache-2.0"}, segmenter={"train_phone": "MIT"}, relief={"train_phone": "MIT"}
    )
    terms = terms_of(folder)
    assert terms.startswith("may be shipped")
    assert terms.endswith("train_in (Apache-2.0), train_phone (MIT)")


@pytest.mark.parametrize("lacking", ["embedder", "segmenter", "relief"])
def test_one_net_without_licences_makes_all_of_them_research_weights(tmp_path, lacking):
    licences = {name: {"train_phone": "MIT"} for name in ("embedder", "segmenter", "relief") if name != lacking}
    assert terms_of(written(tmp_path, **licences)) == TERMS


def test_weights_without_a_relief_net_are_told_by_the_other_two(tmp_path):
    folder = written(tmp_path, embedder={"weights": "Apache-2.0"}, segmenter={"weights": "Apache-2.0"})
    (folder / RELIEF).unlink()
    assert terms_of(folder).startswith("may be shipped")


def test_the_shipped_weights_are_research_weights():
    assert terms_of(CHECKPOINTS) == TERMS


def test_an_index_keeps_its_terms_and_one_without_gets_the_strictest(tmp_path):
    write_index({"terms": "may be shipped"}, tmp_path / "a.json")
    write_index({}, tmp_path / "b.json")
    assert json.loads((tmp_path / "a.json").read_text())["terms"] == "may be shipped"
    assert json.loads((tmp_path / "b.json").read_text())["terms"] == TERMS

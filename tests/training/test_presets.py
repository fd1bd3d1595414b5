"""Presets: commented TOML, by name or by path."""

from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the training extra")

from coindex.errors import TrainingError
from training.data import check_licences
from training.presets import PRESETS, read_preset


@pytest.mark.parametrize("name", PRESETS)
def test_every_key_and_table_of_a_preset_is_explained_by_a_comment(name: str) -> None:
    lines = (files("training") / "presets" / f"{name}.toml").read_text("utf-8").splitlines()
    table = ""
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("["):
            table = line.strip("[]")
        # The keys of these are sources, which the comment above the table speaks of.
        elif (
            "=" in line
            and not line.startswith("#")
            and table not in ("embedder.shares", "segmenter.coins", "relief.shares")
        ):
            assert before.startswith("#"), f"{name}.toml: {line}"


def test_the_article_is_what_the_article_says() -> None:
    preset = read_preset("article")
    embedder, segmenter = preset.embedder, preset.segmenter
    assert (embedder.backbone, embedder.side, embedder.head, embedder.picture) == (
        "tf_efficientnet_b0", 256, "linear", "rgb",
    )  # fmt: skip
    assert (embedder.margin, embedder.scale, embedder.centres, embedder.designs_apart) == (0.2, 25.0, 1, True)
    assert (segmenter.backbone, len(segmenter.decoder), segmenter.channels) == ("tf_efficientnet_b4", 5, 1)
    assert segmenter.dice_alone
    assert segmenter.composites is not None
    assert segmenter.composites.frame_area == (1.0, 36.0)
    assert preset.data.hough


def test_the_presets_for_phones_have_none_of_it() -> None:
    for name in ("mobile", "tiny"):
        preset = read_preset(name)
        assert (preset.embedder.head, preset.embedder.picture, preset.embedder.designs_apart) == (
            "normed", "contrast", False,
        )  # fmt: skip
        assert (preset.segmenter.channels, preset.segmenter.composites) == (2, None)
        assert not preset.data.hough


def test_a_preset_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    text = (files("training") / "presets" / "tiny.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("epochs = 2", "epochs = 7", 1))
    preset = read_preset(str(tmp_path / "mine.toml"))
    assert (preset.name, preset.embedder.epochs) == ("mine", 7)
    assert asdict(preset.segmenter) == asdict(read_preset("tiny").segmenter)


def test_a_file_that_is_no_preset_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(TrainingError, match=r"mine\.toml: cannot be read"):
        read_preset(str(path))
    text = (files("training") / "presets" / "tiny.toml").read_text("utf-8")
    for wrong, said in (
        ("[data", "TOMLDecodeError"),
        (text.replace("margin = 0.2", "margins = 0.2"), "margins"),
        (text.replace("[segmenter]", "[segmenter]\nchannels = 1"), "1 channel from composites"),
    ):
        path.write_text(wrong)
        with pytest.raises(TrainingError, match=rf"mine\.toml: not a preset .*{said}"):
            read_preset(str(path))


def test_the_open_preset_names_a_licence_for_each_of_its_sources() -> None:
    data = read_preset("open").data
    for source in (*data.train, "weights"):
        assert data.licences[source] in ("Apache-2.0", "MIT", "CC0-1.0")
    check_licences(data, {"unlabelled": None, "backgrounds": None, "weights": "package"})


@pytest.mark.parametrize("source", ["backgrounds", "unlabelled"])
def test_the_open_preset_trains_on_nothing_that_states_no_licence(source: str) -> None:
    with pytest.raises(TrainingError, match=f"no licence for {source}"):
        check_licences(read_preset("open").data, {source: Path("textures")})
    with pytest.raises(TrainingError, match="no licence for train,"):
        check_licences(replace(read_preset("open").data, train=("train", "train_phone")), {})


def test_a_preset_without_licences_asks_for_none() -> None:
    check_licences(read_preset("mobile").data, {"backgrounds": Path("textures"), "weights": "hub"})

"""Several sets of photos as one folder to train on."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

from coindex.errors import TrainingError
from coindex.evaluation import load_runtime
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex_synthetic import coin_type, phone_lighting, random_specimen, render_coin
from training.gather import gather
from training.sources import load_coins, mask_file

MODELS = load_runtime("litert", DEFAULT_FOLDER)


def photograph(path: Path, seed: int, number: int, *, ground: int) -> np.ndarray:
    """Write a photo of a coin that nearly fills it, on a ground of that grey; returns its true mask."""
    rng = np.random.default_rng([seed, number])
    coin = render_coin(
        coin_type(seed), "obverse", size=256, specimen=random_specimen(rng, max_wear=0.1), lighting=phone_lighting(rng)
    )
    rgb = np.where(coin.mask[:, :, None] >= 128, coin.rgb, ground).astype(np.uint8)
    framed = cv2.copyMakeBorder(rgb, 24, 24, 24, 24, cv2.BORDER_CONSTANT, value=(ground,) * 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), framed[:, :, ::-1])
    return cv2.copyMakeBorder(coin.mask, 24, 24, 24, 24, cv2.BORDER_CONSTANT, value=0)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest with photos of four splits, and a folder that mixes two designs."""
    folder = tmp_path_factory.mktemp("sets")
    rows = ["file,country,currency,denomination,side,specimen,split"]
    for name, ground, split in (
        ("dark", 40, "train"),
        ("pale", 250, "train"),
        ("judged", 40, "val_query"),
        ("other", 40, "far"),
    ):
        photograph(folder / f"{name}.png", 5, len(rows), ground=ground)
        rows.append(f"{name}.png,Atlantis,drachma,{name},obverse,{name},{split}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    for seed in (11, 12):
        for number in range(4):
            photograph(folder / "lemuria" / "obol" / f"{seed}-{number}.png", seed, number, ground=60)
    photograph(folder / "lemuria" / "obol" / "stray.png", 13, 0, ground=60)
    return folder


def gathered(sets: Path, out: Path, *sources: Path) -> Path:
    return gather(out, sources, MODELS, trained=["train", "train_lemuria"], judged=["val_query"])[0]


def test_photos_to_train_on_get_the_mask_that_a_device_cuts_by_where_the_ground_is_not_pale(sets, tmp_path):
    photos = read_manifest(gathered(sets, tmp_path / "out", sets / "manifest.csv"))
    assert [(photo.label.denomination, photo.split, mask_file(photo.path).exists()) for photo in photos] == [
        ("dark", "train", True),
        ("pale", "train", False),
        ("judged", "val_query", False),
    ]
    mask = cv2.imread(str(mask_file(photos[0].path)), cv2.IMREAD_GRAYSCALE)
    truth = photograph(tmp_path / "again.png", 5, 1, ground=40)
    both, either = (mask > 0) & (truth > 0), (mask > 0) | (truth > 0)
    assert both.sum() / either.sum() > 0.95
    assert len(load_coins(photos, size=64)) == 3


def test_a_mixed_label_is_parted_into_its_designs_and_strays_are_left_out(sets, tmp_path):
    photos = read_manifest(gathered(sets, tmp_path / "out", sets / "lemuria" / "obol"))
    of_design = {photo.path.name.split("-")[0]: set() for photo in photos}
    for photo in photos:
        of_design[photo.path.name.split("-")[0]].add(photo.label)
    assert set(of_design) == {"11", "12"}
    assert all(len(labels) == 1 for labels in of_design.values())
    assert of_design["11"] != of_design["12"]
    assert {(p.label.country, p.label.denomination, p.label.side, p.split) for p in photos} == {
        ("lemuria", "obol", "unknown", "train_lemuria")
    }


def test_a_folder_that_is_whole_already_and_one_without_photos_are_refused(sets, tmp_path):
    gathered(sets, tmp_path / "out", sets / "manifest.csv")
    with pytest.raises(TrainingError, match=r"exists already; give another folder"):
        gathered(sets, tmp_path / "out", sets / "manifest.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match=r"no photos"):
        gathered(sets, tmp_path / "other", tmp_path / "empty")
    assert not (tmp_path / "other" / "manifest.csv").exists()


def test_a_photo_that_cannot_be_read_is_left_out_by_its_name(sets, tmp_path):
    sliver = tmp_path / "set" / "sliver.png"
    sliver.parent.mkdir()
    cv2.imwrite(str(sliver), np.zeros((6, 288, 3), np.uint8))
    photograph(tmp_path / "set" / "coin.png", 5, 1, ground=40)
    table = sliver.with_name("manifest.csv")
    row = "Atlantis,drachma,{},obverse,train\n"
    table.write_text(
        "file,country,currency,denomination,side,split\n"
        + "".join(f"{name}.png,{row.format(name)}" for name in ("sliver", "coin"))
    )
    manifest, unreadable = gather(tmp_path / "out", [table], MODELS, trained=["train"], judged=[])
    assert len(unreadable) == 1
    assert "sliver.png: 288×6 pixels" in unreadable[0]
    assert [photo.label.denomination for photo in read_manifest(manifest)] == ["coin"]


def test_a_photo_keeps_a_mask_of_its_own_and_a_mask_is_no_photo(sets, tmp_path):
    folder = tmp_path / "lemuria" / "stater"
    for number in range(3):
        mask = photograph(folder / f"{number}.png", 11, number, ground=60)
        cv2.imwrite(str(folder / f"{number}.mask.png"), 255 - mask)
    row = "Atlantis,drachma,{},obverse,train\n"
    (folder / "manifest.csv").write_text(
        "file,country,currency,denomination,side,split\n" + "".join(f"{n}.png,{row.format(n)}" for n in range(3))
    )
    for number, source in enumerate((folder / "manifest.csv", folder)):
        photos = read_manifest(gathered(sets, tmp_path / str(number), source))
        assert len(photos) == 3
        for photo in photos:
            assert mask_file(photo.path).read_bytes() == mask_file(folder / photo.path.name).read_bytes()

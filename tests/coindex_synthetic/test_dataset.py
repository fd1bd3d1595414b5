import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coindex_synthetic import SceneSettings, write_catalogue, write_scenes
from coindex_synthetic.dataset import BOX_COLUMNS

COLUMNS = "file,country,currency,denomination,variant,side,year,specimen,design,split"
SMALL = SceneSettings(coin_width=(0.3, 0.5), outside=False, overlapping=False)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_catalogue_lists_exactly_the_photos_on_disk(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    manifest = write_catalogue(
        tmp_path / "set", types=2, seed=1, size=64, specimens=2, on_progress=lambda *done: seen.append(done)
    )
    rows = rows_of(manifest)
    assert ",".join(rows[0]) == COLUMNS
    on_disk = {path.name for path in manifest.parent.iterdir()} - {"manifest.csv"}
    assert {row["file"] for row in rows} == on_disk
    assert len(rows) == 8
    assert seen == [(index + 1, 8) for index in range(8)]
    assert {row["side"] for row in rows} == {"obverse", "reverse"}
    assert {row["split"] for row in rows} == {"catalog"}
    classes = {(row["country"], row["currency"], row["denomination"], row["variant"], row["side"]) for row in rows}
    assert len(classes) == 4
    for row in rows:
        picture = np.asarray(Image.open(manifest.parent / row["file"]).convert("RGB"))
        assert picture.shape == (64, 64, 3)
        assert picture[0, 0].min() > 200
        assert picture[32, 4:-4].min() < 200


def test_both_sides_of_a_specimen_bear_one_year(tmp_path: Path) -> None:
    rows = rows_of(write_catalogue(tmp_path, types=2, seed=1, size=48, specimens=2))
    years: dict[str, set[str]] = {}
    for row in rows:
        years.setdefault(row["specimen"], set()).add(row["year"])
    assert len(years) == 4
    assert all(len(found) == 1 for found in years.values())
    assert len({next(iter(found)) for found in years.values()}) > 1


def test_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_catalogue(tmp_path / name, types=1, seed=3, size=48)
    write_catalogue(tmp_path / "c", types=1, seed=4, size=48)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    assert any((tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes() for name in files)


def test_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match=tmp_path.name):
        write_catalogue(tmp_path, types=1, seed=0, size=48)
    with pytest.raises(FileExistsError, match=tmp_path.name):
        write_scenes(tmp_path, types=1, scenes=1, seed=0, width=96, height=72)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_interrupted_work_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(KeyboardInterrupt):
            write_catalogue(tmp_path / name, types=2, seed=0, size=48, on_progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert not any((tmp_path / "empty").iterdir())


@pytest.mark.parametrize("wrong", [{"types": 0}, {"seed": -1}, {"specimens": 0}, {"image_format": "bmp"}])
def test_wrong_counts_are_refused_before_anything_is_made(tmp_path: Path, wrong: dict[str, object]) -> None:
    arguments: dict[str, object] = {"types": 1, "seed": 0, "size": 48, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        write_catalogue(tmp_path / "set", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "set").exists()


def test_scenes_show_the_catalogue_of_their_seed(tmp_path: Path) -> None:
    catalogue = rows_of(write_catalogue(tmp_path / "catalogue", types=2, seed=1, size=48))
    boxes_file = write_scenes(
        tmp_path / "scenes",
        types=2,
        scenes=4,
        seed=1,
        width=128,
        height=96,
        settings=SMALL,
        families=("wood",),
    )
    boxes, queries = rows_of(boxes_file), rows_of(tmp_path / "scenes" / "manifest.csv")
    assert list(boxes[0]) == list(BOX_COLUMNS)
    assert ",".join(BOX_COLUMNS) == "file,image_width,image_height,x,y,width,height,label"

    def name(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[field] for field in ("country", "currency", "denomination", "variant", "side"))

    assert {name(row) for row in queries} == {name(row) for row in catalogue}
    assert {row["split"] for row in queries} == {"query"}
    for row, query in zip(boxes, queries, strict=True):
        assert row["file"] == query["file"]
        assert row["label"] == f"{query['country']} {query['denomination']} {query['side']}"
        with Image.open(boxes_file.parent / row["file"]) as photo:
            assert photo.size == (128, 96) == (int(row["image_width"]), int(row["image_height"]))
            assert photo.format == "JPEG"
        assert int(row["x"]) + int(row["width"]) <= 128
        assert int(row["y"]) + int(row["height"]) <= 96


def test_scenes_of_several_coins_have_boxes_and_no_query_rows(tmp_path: Path) -> None:
    settings = SceneSettings(coin_width=(0.2, 0.3), outside=False)
    boxes = rows_of(
        write_scenes(tmp_path, types=3, scenes=2, seed=0, coins_per_scene=3, width=160, height=120, settings=settings)
    )
    assert not (tmp_path / "manifest.csv").exists()
    assert {row["file"] for row in boxes} == {"scene-00000.jpg", "scene-00001.jpg"}
    assert len(boxes) == 6
    assert not list(tmp_path.glob(".*"))

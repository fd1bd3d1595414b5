"""Evaluation on a tiny set of drawn coins whose every number can be worked out by hand."""

import csv

import numpy as np
import pytest
from PIL import Image

from coindex.codes import squared_distances
from coindex.commands.evaluate import _table
from coindex.commands.evaluate import evaluate as evaluate_command
from coindex.errors import CoindexError, ManifestError, NoCoinFound, PhotoError
from coindex.evaluation import evaluate, evaluate_scenes, load_runtime, read_scenes
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.photo import load_photo
from coindex.pipeline import encode_photo
from coindex_synthetic.evaluation_scenes import evaluation_scene


@pytest.fixture
def shot(tmp_path, draw):
    """Saves a drawn photo and labels it: `pattern` is what it shows, `coin` and `side` what it is said to show."""
    count = []

    def make(pattern, coin, side="obverse", *, specimen="", design="", country="Utopia"):
        count.append(1)
        path = tmp_path / f"{len(count)}.png"
        coins = [(100, 100, 70, pattern)] if pattern else []
        Image.fromarray(draw(200, 200, coins)).save(path)
        label = CoinClass(country, "mark", coin, "", side)
        return LabelledPhoto(path, label, "", specimen, design, "", len(count) + 1)

    return make


@pytest.fixture
def catalog(shot):
    return [shot("left", "1"), shot("left, dotted", "2"), shot("top", "3", "reverse")]


def test_the_patterns_are_as_far_apart_as_the_cases_below_assume(catalog, fake_models):
    codes = np.stack([encode_photo(load_photo(photo.path), fake_models).coins[0].code for photo in catalog])
    distances = squared_distances(codes, codes)
    assert 0 < distances[0, 1] < distances[0, 2]  # left: nearest is left, dotted; then top


def test_recall_counts_the_first_right_class(shot, catalog, fake_models):
    # Right at once; labelled as its neighbour, so right second; labelled as the furthest, so right third; not there.
    queries = [shot("left", "1"), shot("left", "2"), shot("left", "3", "reverse"), shot("left", "4")]
    report = evaluate(catalog, queries, fake_models)
    assert (report["queries"], report["classes"]) == (4, 3)
    assert report["recall"] == {"1": 0.25, "2": 0.5, "5": 0.75, "10": 0.75, "20": 0.75}
    assert report["no_coin_found"] == 0
    assert report["open_set"] == {
        "auroc": None, "unknown_accepted_at_95": None, "right_accepted": 1.0, "unknown_accepted": None,
    }  # fmt: skip
    assert list(report)[:10] == [
        "queries", "classes", "recall", "design_recall", "coin_recall", "by_country", "no_coin_found", "second_look",
        "open_set", "latency_ms",
    ]  # fmt: skip
    assert report["models"]["bytes"] == 1000
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"]


def test_the_wrong_side_is_wrong_and_an_unknown_side_is_right_on_either(shot, catalog, fake_models):
    report = evaluate(catalog, [shot("left", "1", "reverse")], fake_models)
    assert report["recall"]["20"] == 0
    report = evaluate(catalog, [shot("left", "1", "unknown"), shot("top", "3", "unknown")], fake_models)
    assert report["recall"]["1"] == 1
    report = evaluate([shot("left", "1", "unknown")], [shot("left", "1", "reverse")], fake_models)
    assert report["recall"]["1"] == 1


def test_a_hit_of_the_same_design_counts_for_design_recall_alone(shot, fake_models):
    catalog = [shot("left", "1", design="bust"), shot("left, dotted", "2", design="bust"), shot("top", "3")]
    queries = [shot("left", "2", design="bust"), shot("top", "2", design="bust"), shot("top", "4")]
    report = evaluate(catalog, queries, fake_models)
    # By design the first is right at once and the second in second place; blank designs do not match each other.
    assert report["recall"]["1"] == 0
    assert report["design_recall"]["1"] == pytest.approx(1 / 3, abs=1e-4)
    assert report["design_recall"]["20"] == pytest.approx(2 / 3, abs=1e-4)


def test_countries_are_counted_apart(shot, catalog, fake_models):
    queries = [shot("left", "1"), shot("left", "2"), shot("left", "1", country="Erewhon")]
    report = evaluate(catalog, queries, fake_models)
    assert {name: (part["queries"], part["recall"]["1"]) for name, part in report["by_country"].items()} == {
        "Erewhon": (1, 0.0),
        "Utopia": (2, 0.5),
    }


def test_a_query_without_a_coin_is_a_miss(shot, catalog, fake_models):
    report = evaluate(catalog, [shot("left", "1"), shot(None, "1")], fake_models)
    assert report["no_coin_found"] == 1
    assert report["recall"]["20"] == 0.5


def test_the_photos_of_a_specimen_are_answered_together(shot, catalog, fake_models):
    # Specimen a, alone: its photos are d, 0 and 0 away from coin 3, and 0, d and d from coin 1: coin 3 wins by the sums
    # although the first photo looks like coin 1. Specimen b shows no coin. Photos without a specimen stand alone.
    queries = [
        shot("left", "3", "obverse", specimen="a"),
        shot("top", "3", "reverse", specimen="a"),
        shot("top", "3", "reverse", specimen="a"),
        shot(None, "1", specimen="b"),
        shot("left", "1"),
        shot("left", "2"),
    ]
    report = evaluate(catalog, queries, fake_models, joint=True)
    assert report["queries"] == 4
    assert report["recall"] == {"1": 0.5, "2": 0.75, "5": 0.75, "10": 0.75, "20": 0.75}


def test_unknown_queries_are_told_apart_by_distance(shot, catalog, fake_models):
    known = [shot("left", "1"), shot("top", "3", "reverse")]
    # One unknown shows the very picture of coin 1 (a tie with both known), one another, one nothing.
    unknown = [shot("left", "7"), shot("rings", "8"), shot(None, "9")]
    report = evaluate(catalog, known, fake_models, unknown=unknown)
    assert report["open_set"]["auroc"] == pytest.approx((0.5 + 1 + 1) / 3, abs=1e-4)
    assert report["open_set"]["unknown_accepted_at_95"] == pytest.approx(1 / 3, abs=1e-4)
    assert report["queries"] == 2


def test_an_unknown_query_whose_coin_is_in_the_catalogue_is_refused_before_the_work(shot, catalog):
    other_side = shot("rings", "1", "reverse")
    with pytest.raises(ManifestError, match=rf"{other_side.path.name} \(line 5\): Utopia 1 mark is in the catalogue"):
        evaluate(catalog, [shot("left", "1")], None, unknown=[other_side])


def test_a_catalogue_photo_without_a_coin_is_refused_by_name_or_skipped(shot, catalog, fake_models):
    empty = shot(None, "5")
    with pytest.raises(NoCoinFound, match=rf"{empty.path.name}: no coin found .*--skip-bad"):
        evaluate([*catalog, empty], [shot("left", "1")], fake_models)
    report = evaluate([*catalog, empty], [shot("left", "1")], fake_models, skip_bad=True)
    assert report["classes"] == 3
    assert report["skipped"] == [str(empty.path)]


def test_an_unreadable_photo_is_refused_by_name_or_skipped(shot, catalog, fake_models):
    bad = shot("left", "1")
    bad.path.write_bytes(b"coin")
    with pytest.raises(PhotoError, match=bad.path.name):
        evaluate(catalog, [bad], fake_models)
    report = evaluate(catalog, [bad, shot("left", "1")], fake_models, skip_bad=True)
    assert (report["queries"], report["skipped"]) == (1, [str(bad.path)])
    with pytest.raises(PhotoError, match="none of the query photos can be read"):
        evaluate(catalog, [bad], fake_models, skip_bad=True)
    with pytest.raises(PhotoError, match="none of the catalogue photos can be read"):
        evaluate([bad], [shot("left", "1")], fake_models, skip_bad=True)


def test_the_largest_coin_of_a_photo_is_its_coin(shot, catalog, draw, fake_models):
    query = shot("left", "1")
    Image.fromarray(draw(300, 200, [(260, 100, 30, "top"), (100, 100, 70, "left")])).save(query.path)
    assert evaluate(catalog, [query], fake_models)["recall"]["1"] == 1


def test_progress_counts_to_the_end(shot, catalog, fake_models):
    calls = []
    evaluate(
        catalog, [shot("left", "1")], fake_models, unknown=[shot("rings", "9")], on_progress=lambda *c: calls.append(c)
    )
    assert calls == [(done, 5) for done in range(1, 6)]


def test_queries_as_scenes_are_the_same_for_the_same_seed(shot, catalog, fake_models):
    def report(seed):
        made = evaluate(catalog, [shot("left", "1")], fake_models, scenes=(evaluation_scene, seed))
        return {name: value for name, value in made.items() if name != "latency_ms"}

    first = report(1)
    assert first["queries"] == 1
    assert report(1) == first


def test_an_unknown_runtime_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(CoindexError, match="no runtime named 'cuda'; there are: litert"):
        load_runtime("cuda", tmp_path)


@pytest.fixture
def scenes(tmp_path, draw):
    """Writes a CSV of boxes beside two drawn scenes."""
    Image.fromarray(draw(400, 300, [(100, 150, 60, "plain"), (280, 150, 80, "plain")])).save(tmp_path / "two.png")
    Image.fromarray(draw(400, 300, [(200, 150, 100, "plain")])).save(tmp_path / "one.png")

    def write(columns, *rows):
        path = tmp_path / "boxes.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
        return path

    return write


BOXES = ("file", "x", "y", "width", "height")
CIRCLES = ("file", "cx", "cy", "r")


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (BOXES, [("two.png", 40, 90, 120, 120), ("two.png", 200, 70, 160, 160), ("one.png", 100, 50, 200, 200)]),
        (CIRCLES, [("two.png", 100, 150, 60), ("two.png", 280, 150, 80), ("one.png", 200, 150, 100)]),
    ],
    ids=["boxes", "circles"],
)
def test_scenes_of_boxes_and_of_circles_give_the_same_f1(scenes, columns, rows, fake_models):
    report = evaluate_scenes(read_scenes(scenes(columns, *rows)), fake_models)
    assert report == {
        "scenes": 2, "coins": 3, "precision": 1.0, "recall": 1.0, "f1": 1.0, "mean_iou": pytest.approx(0.98, abs=0.02),
    }  # fmt: skip


def test_precision_recall_and_f1_by_hand(scenes, fake_models):
    # Found are three; true are four: two hit, one a quarter as large as what is found there, one not there at all.
    rows = [
        ("two.png", 40, 90, 120, 120), ("two.png", 280, 150, 80, 80),
        ("one.png", 100, 50, 200, 200), ("one.png", 0, 0, 20, 20),
    ]  # fmt: skip
    report = evaluate_scenes(read_scenes(scenes(BOXES, *rows)), fake_models)
    assert (report["scenes"], report["coins"]) == (2, 4)
    assert (report["precision"], report["recall"]) == (pytest.approx(2 / 3), 0.5)
    assert report["f1"] == pytest.approx(2 * 2 / (3 + 4))


def test_circles_become_the_boxes_around_them(scenes):
    (scene,) = read_scenes(scenes(CIRCLES, ("one.png", 200, 150, 100.5)))
    assert scene.boxes.tolist() == [[99.5, 49.5, 201, 201]]


def test_further_columns_are_left_alone(scenes):
    path = scenes(("file", "image_width", *BOXES[1:], "label"), ("one.png", 400, 1, 2, 3, 4, "1, baht"))
    assert read_scenes(path)[0].boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("columns", "row", "problem"),
    [
        (BOXES, ("gone.png", 1, 2, 3, 4), "line 3: photo .*gone.png does not exist"),
        (BOXES, ("one.png", 1, 2, 3), "line 3: .*expected file and the numbers"),
        (BOXES, ("one.png", 1, 2, "wide", 4), "line 3: .*'wide'.*expected file and the numbers"),
        (("file", "x", "y"), ("one.png", 1, 2), "line 2: 'width'"),
        (("photo", "cx", "cy", "r"), ("one.png", 1, 2, 3), "line 2: 'file'"),
    ],
)
def test_a_bad_line_of_scenes_is_refused_by_its_number(scenes, columns, row, problem):
    good = ("one.png", 1, 2, 3, 4)[: len(columns)]
    with pytest.raises(ManifestError, match=rf"boxes\.csv: {problem}"):
        read_scenes(scenes(columns, good, row))


def test_no_scenes_are_refused(scenes, tmp_path):
    with pytest.raises(ManifestError, match="no such file"):
        read_scenes(tmp_path / "none.csv")
    with pytest.raises(ManifestError, match="no rows; its columns are"):
        read_scenes(scenes(BOXES))


def recall(first):
    return {"1": first, "2": 1.0}


def test_the_table_has_one_row_for_what_is_equal():
    def rows(**report):
        table = _table(report)
        return [[*column.cells] for column in table.columns]

    assert rows(recall=recall(0.5), design_recall=recall(0.5), coin_recall=recall(0.5)) == [
        ["class, design, coin"],
        ["0.500"],
        ["1.000"],
    ]
    assert rows(recall=recall(0.5), design_recall=recall(0.75), coin_recall=recall(0.5))[:2] == [
        ["class, coin", "design"],
        ["0.500", "0.750"],
    ]


def test_a_wrong_runtime_is_told_before_any_photo_is_looked_up(tmp_path):
    with pytest.raises(CoindexError, match="no runtime named 'abacus'"):
        evaluate_command(tmp_path / "gone.csv", "a", "b", runtime="abacus")

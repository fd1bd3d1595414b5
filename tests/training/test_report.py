"""What an epoch is judged by, and the page that shows it: hand-worked cases, and nothing from outside in the page."""

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

from coindex.errors import TrainingError
from coindex.manifest import CoinClass, LabelledPhoto
from training.board import scalars
from training.charts import Series, histogram, line_chart, ticks
from training.judgement import (
    HIT,
    MISSED,
    TOO_MUCH,
    Judgement,
    embedding_map,
    judge_retrieval,
    overlays,
    read_judgement,
    readable,
    right_ranks,
)
from training.loop import HISTORY, STATE
from training.record import (
    RANDOM_INIT,
    Origin,
    begin_session,
    check_origin,
    describe_photos,
    read_record,
    write_judgement,
)
from training.report import ARTICLE_RECALL, report_page, write_report
from training.sources import CoinPicture

NASTY = "Ruritania|<crown>|5 & 10||obverse"


def coin(label, *, level=120):
    mask = np.zeros((32, 32), np.uint8)
    mask[4:28, 4:28] = 255
    return CoinPicture(np.full((32, 32, 3), level, np.uint8), mask, label, label)


def unit(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


CATALOG = (coin("a"), coin("b"), coin("c"))
QUERIES = (coin("a"), coin("a"), coin("b"), coin("d"))
# References at 0°, 60° and 120°. The first query is right, the second is nearest b and then a, the third nearest c and
# then b, and the class of the fourth is not there.
JUDGED = judge_retrieval("v/q", QUERIES, CATALOG, unit(5, 45, 100, 0), unit(0, 60, 120))


def test_ranks_count_classes_and_not_references():
    catalog = (coin("a"), coin("a"), coin("b"))
    similar = np.array([[0.9, 0.8, 0.1]], np.float32)
    assert right_ranks(similar, (coin("b"),), catalog) == [2]
    assert right_ranks(similar, (coin("z"),), catalog) == [None]


def test_recall_counts_the_queries_whose_class_the_catalogue_lacks():
    assert JUDGED.recall == {"1": 0.25, "2": 0.75, "5": 0.75, "10": 0.75, "20": 0.75}
    assert (JUDGED.queries, JUDGED.references, JUDGED.classes) == (4, 3, 3)


def test_cosines_are_means_over_the_queries_that_have_such_a_reference():
    right = np.cos(np.radians([5, 45, 40])).mean()
    wrong = np.cos(np.radians([55, 15, 20, 0])).mean()
    assert JUDGED.cosine == {"right": pytest.approx(right, abs=1e-6), "wrong": pytest.approx(wrong, abs=1e-6)}


def test_the_worst_queries_come_latest_first_and_right_ones_not_at_all():
    assert [(each.label, each.rank) for each in JUDGED.worst] == [("d", None), ("a", 2), ("b", 2)]
    assert JUDGED.worst[0].right is None
    second = JUDGED.worst[1]
    assert second.right is not None and second.right.label == "a"
    assert [answer.label for answer in second.returned] == ["b", "a", "c"]
    assert second.returned[0].similarity == pytest.approx(np.cos(np.radians(15)))


def test_three_queries_of_one_class_are_among_the_worst_at_most():
    queries = [coin("a")] * 6 + [coin("b")]
    judged = judge_retrieval("v/q", queries, CATALOG, unit(*[60] * 6, 0), unit(0, 60, 120))
    assert [each.label for each in judged.worst] == ["a", "a", "a", "b"]


def test_confusions_are_counted_by_what_was_asked_and_answered():
    assert {(each.truth, each.answer, each.count, each.queries) for each in JUDGED.confusions} == {
        ("a", "b", 1, 2),
        ("b", "c", 1, 1),
        ("d", "a", 1, 1),
    }


def test_classes_on_a_line_are_shown_on_a_line():
    embeddings = np.zeros((4, 5), np.float32)
    embeddings[:, 3] = [0, 1, 2, 10]
    drawn = embedding_map(["a", "a", "b", "c"], embeddings, references=1)
    assert drawn.share == pytest.approx(1.0)
    xs = [point[0] for point in drawn.points]
    assert np.abs(np.diff(xs)) == pytest.approx([1, 1, 8], abs=1e-3)
    assert [point[1] for point in drawn.points] == pytest.approx([0] * 4, abs=1e-3)
    assert [point[3] for point in drawn.points] == [False, True, True, True]


def test_a_map_of_one_class_is_drawn_all_the_same():
    drawn = embedding_map(["a", "a"], np.eye(2, 4, dtype=np.float32), references=1)
    assert (len(drawn.points), drawn.share) == (2, 1.0)


def test_the_best_the_median_and_the_worst_scenes_are_shown_once_each():
    scene, mask = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool)
    ious = [0.5, 0.1, 0.9, 0.3, 0.7]
    shown = overlays([scene] * 5, [mask] * 5, [mask] * 5, ious, each=1)
    assert [(each.place, each.iou) for each in shown] == [("worst", 0.1), ("median", 0.5), ("best", 0.9)]
    assert [each.place for each in overlays([scene], [mask], [mask], [1.0])] == ["worst"]


def test_hits_and_errors_of_a_mask_have_their_own_colours():
    import base64
    import io

    from PIL import Image

    scene = np.zeros((192, 192, 3), np.uint8)
    found, truth = np.zeros((192, 192), bool), np.zeros((192, 192), bool)
    found[:, :128], truth[:, 64:] = True, True  # too much, hit, missed
    (shown,) = overlays([scene], [found], [truth], [1 / 3])
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.picture.partition(",")[2]))).convert("RGB"))
    for x, colour, share in ((32, TOO_MUCH, 0.75), (96, HIT, 0.35), (160, MISSED, 0.75)):
        assert drawn[96, x] == pytest.approx(np.multiply(colour, share), abs=12)


def test_a_label_is_read_as_people_write_it():
    assert readable("Euro area|euro|10c|common side|reverse") == "Euro area 10c euro common side, reverse"
    assert readable("unlabelled|roman-7.webp") == "unlabelled roman-7.webp"


def test_a_judgement_survives_its_json():
    judgement = Judgement({"loss": 1.0}, (JUDGED,), ious=(0.5, 1.0))
    assert read_judgement(json.loads(json.dumps(asdict(judgement)))) == judgement


def test_ticks_are_round_numbers_within_the_range():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(0.83, 1.0) == [0.85, 0.9, 0.95, 1.0]
    assert ticks(3, 3) == [3]


def test_a_line_goes_from_the_left_edge_to_where_the_run_is():
    svg = line_chart([Series("@1", ((1, 0.0), (2, 1.0)))], title="Recall", epochs=4, low=0.0, high=1.0)
    assert '<polyline points="135.5,220.0 227.0,10.0"/>' in svg
    assert "@1, epoch 2: 1" in svg


def test_a_loss_that_was_infinite_leaves_a_gap_and_no_broken_chart():
    svg = line_chart([Series("loss", ((1, float("inf")), (2, 2.0), (3, 1.0)))], title="Loss", epochs=3)
    assert "inf" not in svg and "nan" not in svg


def test_all_scenes_are_in_the_histogram_the_perfect_ones_too():
    svg = histogram([0.0, 0.51, 0.99, 1.0], title="IoU")
    assert re.findall(r"<title>[^<]*: (\d+)</title>", svg) == ["1", *["0"] * 9, "1", *["0"] * 8, "2"]


def test_a_rows_numbers_become_tensorboards_tags():
    row = {"epoch": 1, "loss": 2.0, "recall": {"val/query": {"1": 0.5}}, "losses": [1.0], "iou": {"coin@0.5": 0.9}}
    assert dict(scalars(row)) == {"epoch/loss": 2.0, "recall/val-query/1": 0.5, "iou/coin_0.5": 0.9}


# The run's folder


def row(epoch, *, net="embedder"):
    figures = {"recall": {"v/q": JUDGED.recall}, "cosine": {"v/q": JUDGED.cosine}}
    if net == "segmenter":
        figures = {"iou": {"coin@0.3": 0.91, "coin@0.5": 0.92, "core@0.5": 0.8}}
    timing = {"examples_per_s": 10.0, "seconds": 60.0, "judge_seconds": 20.0}
    return {"epoch": epoch, "loss": 3.0, "validation_loss": 2.5, **figures, **timing, "losses": [4.0, 2.0]}


def origin(**changed):
    values = {
        "net": "embedder",
        "preset": "tiny",
        "seed": 0,
        "weights": "net.npz (0123)",
        "settings": {"epochs": 2, "shares": {"train": 0.5}, "decoder": (16, 8)},
        "data": {"train": 12, "digest": "aa"},
    }
    return Origin(**{**values, **changed})


def run_folder(folder, *, epochs=2, judgement=None, **changed):
    begun = origin(**changed)
    begin_session(folder, begun, {"train": {"coins": 1200, "classes": 7}}, {"processor": "abacus"})
    rows = [row(epoch + 1, net=begun.net) for epoch in range(epochs)]
    (folder / HISTORY).write_text("".join(json.dumps(each) + "\n" for each in rows))
    write_judgement(folder, epochs, judgement or Judgement(rows[-1], (JUDGED,)))
    (folder / STATE).write_bytes(b"")
    return folder


class Page(HTMLParser):
    """All addresses of a page, and its text."""

    def __init__(self, html):
        super().__init__()
        self.addresses, self.tags, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data):
        self.text += data + " "


@pytest.fixture
def page(tmp_path):
    return Page(report_page(read_record(run_folder(tmp_path)), name="my-run"))


def test_a_report_needs_nothing_beside_it(page):
    assert page.addresses
    assert [address for address in page.addresses if not address.startswith("data:image/")] == []
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?://|url\(|@import", page.text)


def test_a_report_shows_the_figures_beside_the_articles(page):
    words = " ".join(page.text.split())
    assert "0.250 0.750 0.750 0.750 0.750" in words
    assert " ".join(f"{value:.3f}" for value in ARTICLE_RECALL.values()) in words
    assert list(ARTICLE_RECALL.values()) == [0.90, 0.91, 0.96, 0.99, 1]
    for said in ("All 2 epochs done", "0:02:40, of which 0:00:40 to judge", "1,200 in 7 classes", "net.npz", "abacus"):
        assert said in words


def test_random_weights_are_named_wherever_their_figures_stand(tmp_path, page):
    assert RANDOM_INIT not in page.text
    random = Page(report_page(read_record(run_folder(tmp_path / "r", weights=RANDOM_INIT)), name="r"))
    # The heading, the start's weights twice, the table, four charts (loss, recall, cosine), the retrieval, the epochs.
    assert random.text.count(RANDOM_INIT) == 9


def test_what_a_manifest_says_is_shown_and_not_run(tmp_path):
    queries = (coin(NASTY), coin(NASTY))
    nasty = judge_retrieval("v/q", queries, (coin("a"), coin(NASTY)), unit(0, 0), unit(0, 90))
    record = read_record(run_folder(tmp_path, judgement=Judgement(row(2), (nasty,))))
    html = report_page(record, name="<b>run</b>")
    assert "<crown>" not in html and "<b>run" not in html
    assert "Ruritania 5 & 10 <crown>, obverse" in Page(html).text


def test_a_segmenters_report_shows_its_masks_and_the_articles_iou(tmp_path):
    scene, mask = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), bool)
    judged = Judgement(row(2, net="segmenter"), (), overlays([scene], [mask], [mask], [1.0]), (1.0,))
    page = Page(report_page(read_record(run_folder(tmp_path, net="segmenter", judgement=judged)), name="s"))
    words = " ".join(page.text.split())
    for figures in ("0.910 0.920", "0.952 0.949", "0.976 0.960", "IoU 1.000"):
        assert figures in words


def test_a_run_without_unseen_classes_says_so(tmp_path):
    folder = run_folder(tmp_path)
    bare = {**row(1), "recall": {}, "cosine": {}}
    (folder / HISTORY).write_text(json.dumps(bare) + "\n")
    write_judgement(folder, 1, Judgement(bare))
    text = Page(report_page(read_record(folder), name="bare")).text
    assert "No unseen classes to judge with" in text
    assert "1 of 2 epochs done: under way, or stopped" in " ".join(text.split())


def test_a_report_is_written_into_the_runs_folder(tmp_path):
    assert write_report(run_folder(tmp_path)).read_text("utf-8").startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir() if "tmp" in file.name] == []


def test_a_folder_without_a_run_has_no_report(tmp_path):
    with pytest.raises(TrainingError, match="no training run is kept here"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", "{", "does not say what this run was begun with"),
        ("history.jsonl", "", "no epoch of this run is done"),
        ("history.jsonl", "{", "history.jsonl: not readable"),
        ("judgement.json", "[]", "judgement.json: not readable"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(tmp_path, file, content, said):
    (run_folder(tmp_path) / file).write_text(content)
    with pytest.raises(TrainingError, match=said):
        read_record(tmp_path)


def test_a_run_goes_on_with_what_it_was_begun_with_alone(tmp_path):
    check_origin(tmp_path / "none", origin())
    folder = run_folder(tmp_path)
    check_origin(folder, origin())
    other = origin(
        seed=7,
        settings={"epochs": 2, "shares": {"train": 0.25}, "decoder": (16, 8)},
        data={"train": 13, "unlabelled": 4, "digest": "aa"},
    )
    with pytest.raises(TrainingError) as refused:
        check_origin(folder, other)
    lines = str(refused.value).splitlines()
    assert lines[1:-1] == [
        "  seed: 0 there, 7 here",
        "  settings.shares.train: 0.5 there, 0.25 here",
        "  data.train: 12 there, 13 here",
        "  data.unlabelled: nothing there, 4 here",
    ]
    assert "another --run folder" in lines[-1]


def test_a_run_that_has_nothing_to_lose_may_be_begun_with_something_else(tmp_path):
    (run_folder(tmp_path) / STATE).unlink()
    check_origin(tmp_path, origin(seed=7))


def test_each_session_is_noted_with_where_it_began(tmp_path):
    run_folder(tmp_path)
    begin_session(tmp_path, origin(), {}, {"processor": "another"})
    sessions = read_record(tmp_path).sessions
    assert [(each.epochs_done, each.machine["processor"]) for each in sessions] == [(0, "abacus"), (2, "another")]


def test_other_photos_or_labels_have_another_digest(tmp_path):
    (tmp_path / "a.webp").write_bytes(b"123")

    def described(side="obverse", split="train"):
        label = CoinClass("R", "crown", "5", "", side)
        photo = LabelledPhoto(tmp_path / "a.webp", label, "", "s", "", split, 2)
        return describe_photos([photo], tmp_path, {"unlabelled": [tmp_path / "a.webp"]})

    first = described()
    assert (first["train"], first["unlabelled"]) == (1, 1)
    assert described() == first
    assert described(side="reverse")["digest"] != first["digest"]
    (tmp_path / "a.webp").write_bytes(b"1234")
    assert described()["digest"] != first["digest"]

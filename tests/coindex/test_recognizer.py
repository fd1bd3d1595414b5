"""Answers from a small catalogue of drawn coins."""

import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from coindex.catalog.local import LocalCatalog
from coindex.catalog.release import ReleaseManifest
from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import CoinRecord, Rows
from coindex.codes import similarity, squared_distances
from coindex.commands import recognize as command
from coindex.errors import CatalogError, SpaceMismatch
from coindex.open_set import Evidence, OpenSet
from coindex.pipeline import encode_photo
from coindex.recognizer import CoinsFound, Recognizer


@pytest.fixture
def code_of(photo_of, fake_models):
    return lambda pattern, x=320: encode_photo(photo_of(640, 480, [(x, 240, 120, pattern)]), fake_models).coins[0].code


@pytest.fixture
def catalog(code_of, fake_models):
    """Classes 10 left (two rows), 20 top, 30 rings."""
    made = [(1, 30, "rings"), (2, 10, "left, dotted"), (5, 10, "left"), (9, 20, "top")]
    rows = Rows.of([row for row, _, _ in made], [cls for _, cls, _ in made], np.stack([code_of(p) for _, _, p in made]))
    return catalog_of(rows, fake_models.index.space_id)


def catalog_of(rows, space, open_set=None):
    records = {
        number: CoinRecord(number, "Utopia", "mark", str(number), "", side, f"Utopia {number} mark", "")
        for number, side in ((10, "obverse"), (20, "reverse"), (30, "unknown"))
    }
    manifest = ReleaseManifest(
        version=7, created="2026-01-01T00:00:00Z", space_id=space, code_scale=254.0, open_set=open_set, models=(),
        shards=(), fresh=None, records="records.json", thumbnails=(), deltas=(), state_hash="5" * 64,
        rows=len(rows), classes=3, ef=100, validation=None,
    )  # fmt: skip
    return LocalCatalog(Path("device"), manifest, records, CatalogIndex.from_rows(rows), {})


def test_candidates_are_ranked_by_class_each_by_its_best_row(photo_of, code_of, catalog, fake_models):
    answer = Recognizer(catalog, fake_models).recognize(photo_of(640, 480, [(320, 240, 120, "left")]))
    (coin,) = answer.coins
    assert coin.candidates[0].coin == 10
    assert sorted(candidate.coin for candidate in coin.candidates) == [10, 20, 30]
    best = coin.candidates[0]
    assert (best.row_id, best.distance, best.side, best.name) == (5, 0, "obverse", "Utopia 10 mark")
    assert best.similarity == pytest.approx(1)
    distances = [candidate.distance for candidate in coin.candidates]
    assert distances == sorted(distances)
    for candidate, pattern in ((c, {20: "top", 30: "rings"}[c.coin]) for c in coin.candidates[1:]):
        query, reference = code_of("left"), code_of(pattern)
        assert candidate.distance == squared_distances(query[None], reference[None])[0, 0]
        assert candidate.similarity == similarity(query, reference)


def test_fewer_candidates_are_the_first_of_more(photo_of, catalog, fake_models):
    recognizer, photo = Recognizer(catalog, fake_models), photo_of(640, 480, [(320, 240, 120, "top")])
    all_of_them = recognizer.recognize(photo, candidates=99).coins[0].candidates
    assert recognizer.recognize(photo, candidates=2).coins[0].candidates == all_of_them[:2]


def three_coins(photo_of):
    return photo_of(640, 480, [(120, 240, 60, "left"), (420, 240, 150, "top"), (100, 90, 50, "rings")])


def test_coins_are_found_first_then_named_one_by_one_largest_first(photo_of, catalog, fake_models):
    recognizer, photo = Recognizer(catalog, fake_models), three_coins(photo_of)
    found, *named, answer = recognizer.recognize_each(photo, candidates=2)
    at_once = recognizer.recognize(photo, candidates=2)
    assert isinstance(found, CoinsFound)
    assert [coin.box for coin in found.coins] == [coin.box for coin in named] == [coin.box for coin in at_once.coins]
    assert [coin.encoded.area for coin in named] == sorted((coin.area for coin in found.coins), reverse=True)
    assert answer.coins == tuple(named)
    assert [coin.candidates for coin in named] == [coin.candidates for coin in at_once.coins]
    assert [coin.confidence for coin in named] == [coin.confidence for coin in at_once.coins]


def test_who_stops_asking_pays_for_no_further_coin(photo_of, catalog, fake_models):
    embedded = []

    def embedder(pixels):
        embedded.append(len(pixels))
        return fake_models.embedder(pixels)

    events = Recognizer(catalog, replace(fake_models, embedder=embedder)).recognize_each(three_coins(photo_of))
    next(events)
    assert embedded == []
    next(events)
    assert embedded == [4]
    events.close()
    assert list(events) == []
    assert embedded == [4]


def with_open_set(models, **fields):
    index = models.index
    return replace(models, index=replace(index, open_set=replace(index.open_set, **fields)))


def test_confidence_is_told_by_the_two_nearest_classes_and_the_number_of_rows(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(320, 240, 120, "plain")])
    (coin,) = Recognizer(catalog, fake_models).recognize(photo).coins
    first, second = (candidate.distance for candidate in coin.candidates[:2])
    assert 0 < first <= second
    ties = sum(candidate.distance == first for candidate in coin.candidates)
    assert coin.confidence == fake_models.index.open_set.confidence(Evidence(first, second, rows=4, ties=ties))


def test_the_runner_up_counts_even_where_one_candidate_is_asked_for(photo_of, catalog, fake_models):
    recognizer, photo = Recognizer(catalog, fake_models), photo_of(640, 480, [(320, 240, 120, "plain")])
    (all_of_them,), (alone,) = (recognizer.recognize(photo, candidates=count).coins for count in (3, 1))
    assert len(alone.candidates) == 1
    assert (alone.confidence, alone.known) == (all_of_them.confidence, all_of_them.known)


def test_a_coin_is_known_up_to_the_limit_inclusive(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(320, 240, 120, "plain")])
    distance = Recognizer(catalog, fake_models).recognize(photo).coins[0].candidates[0].distance
    assert distance > 0

    def known(limit):
        return Recognizer(catalog, with_open_set(fake_models, limit=limit)).recognize(photo).coins[0].known

    assert known(distance)
    assert not known(distance - 1)


def test_the_releases_decision_goes_before_the_models(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(320, 240, 120, "left")])
    doubtful = OpenSet(-1, 0, -800, 0, 0, 0, 0, 1)
    strict = catalog_of(catalog.index.rows, catalog.manifest.space_id, doubtful)
    assert Recognizer(catalog, fake_models).recognize(photo).coins[0].known
    coin = Recognizer(strict, fake_models).recognize(photo).coins[0]
    assert not coin.known
    assert coin.confidence == pytest.approx(0)


def test_several_photos_give_one_answer_by_the_sum_of_their_nearest_sides(photo_of, catalog, fake_models):
    # Coins 10 and 20 are two sides of one coin here; a photo of each is nearer to it than to coin 30.
    obverse, reverse = (replace(catalog.records[n], denomination="5", name="Utopia 5 mark") for n in (10, 20))
    catalog = replace(catalog, records={**catalog.records, 10: obverse, 20: reverse})
    photos = [photo_of(640, 480, [(320, 240, 120, "left")]), photo_of(640, 480, [(320, 240, 120, "top")])]
    answer = Recognizer(catalog, fake_models).recognize_together(photos)
    best, other = answer.candidates
    assert [side.coin for side in best.sides] == [10, 20]
    assert (best.name, best.distance, answer.known) == ("Utopia 5 mark", 0, True)
    assert [side.coin for side in other.sides] == [30, 30]
    assert other.distance == sum(side.distance for side in other.sides)
    seen = Evidence(0, other.distance / 2, rows=4, photos=2)
    assert answer.confidence == fake_models.index.open_set.confidence(seen)
    document = json.loads(json.dumps(answer.as_json(["a.jpg", "b.jpg"])))
    assert list(document) == [
        "photos", "catalog", "known", "confidence", "second_look", "candidates", "timings_ms",
    ]  # fmt: skip
    assert [list(photo) for photo in document["photos"]] == [["photo", "box"]] * 2
    assert list(document["candidates"][0]) == ["name", "distance", "sides"]


def test_a_photo_without_a_coin_leaves_the_joint_answer_to_the_others(photo_of, catalog, fake_models):
    recognizer = Recognizer(catalog, fake_models)
    coin, nothing = photo_of(640, 480, [(320, 240, 120, "left")]), photo_of(640, 480, [])
    both, alone = recognizer.recognize_together([nothing, coin]), recognizer.recognize_together([coin])
    assert both.coins[0] is None
    assert (both.candidates, both.confidence) == (alone.candidates, alone.confidence)
    none = recognizer.recognize_together([nothing, nothing])
    assert (none.known, none.confidence, none.candidates) == (False, 0.0, ())
    assert none.as_json(["a", "b"])["photos"] == [{"photo": "a", "box": None}, {"photo": "b", "box": None}]
    with pytest.raises(ValueError, match="no photos"):
        recognizer.recognize_together([])


def test_the_command_gives_one_answer_to_all_photos(tmp_path, draw, catalog, fake_models, monkeypatch, capsys):
    paths = [tmp_path / "front.png", tmp_path / "table.png"]
    for path, coins in zip(paths, ([(320, 240, 120, "left")], []), strict=True):
        Image.fromarray(draw(640, 480, coins)).save(path)
    monkeypatch.setattr(command, "open_catalog", lambda home, background: catalog)
    monkeypatch.setattr(LocalCatalog, "models", lambda self, threads: fake_models)
    command.recognize(paths, joint=True, candidates=2, threads=1, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert [photo["box"] is None for photo in document["photos"]] == [False, True]
    assert document["candidates"][0]["name"] == "Utopia 10 mark"
    assert "decode" in document["timings_ms"]
    command.recognize(paths, joint=True, candidates=2, threads=1)
    printed = capsys.readouterr().out
    assert "2 photos of one coin, found in 1" in printed
    assert "Utopia 10 mark" in printed


def test_a_filter_leaves_the_other_classes_out_as_if_they_were_not_there(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(320, 240, 120, "left")])
    reverse = catalog.class_ids(side="reverse")
    # Class 20 is a reverse; the side of class 30 is unknown, so it may be one.
    assert reverse == {20, 30}
    recognizer = Recognizer(catalog, fake_models, classes=reverse)
    (coin,) = recognizer.recognize(photo).coins
    assert sorted(candidate.coin for candidate in coin.candidates) == [20, 30]
    first, second = (candidate.distance for candidate in coin.candidates)
    assert coin.confidence == fake_models.index.open_set.confidence(Evidence(first, second, rows=2))
    together = recognizer.recognize_together([photo, photo])
    assert sorted(side.coin for candidate in together.candidates for side in candidate.sides) == [20, 20, 30, 30]


def test_a_filter_for_what_is_not_there_lists_what_is(catalog):
    assert catalog.class_ids() is None
    assert catalog.class_ids(country="utopia", currency="MARK", side="obverse") == {10, 30}
    for wanted, there in (
        ({"country": "Atlantis"}, "Utopia"),
        ({"currency": "crown"}, "mark"),
        ({"side": "top"}, "obverse"),
    ):
        with pytest.raises(CatalogError, match=f"{next(iter(wanted.values()))}.*there are: {there}"):
            catalog.class_ids(**wanted)


def test_the_document_is_the_designs(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(120, 240, 60, "left"), (420, 240, 150, "top")])
    answer = Recognizer(catalog, fake_models).recognize(photo, candidates=2)
    document = json.loads(json.dumps(answer.as_json("coins.jpg")))
    assert list(document) == ["photo", "catalog", "coins", "timings_ms"]
    assert document["photo"] == "coins.jpg"
    assert document["catalog"] == {"version": 7, "state_hash": "5" * 64}
    assert set(document["timings_ms"]) == {"segment", "cutout", "embed", "relief", "search"}
    large, small = document["coins"]
    assert list(large) == ["box", "known", "confidence", "second_look", "series", "candidates"]
    assert list(large["candidates"][0]) == ["coin", "side", "name", "distance", "similarity", "relief", "angle"]
    assert large["box"] == pytest.approx([270, 90, 300, 300], abs=3)
    assert small["box"] == pytest.approx([60, 180, 120, 120], abs=3)
    assert all(type(value) is int for value in large["box"])
    assert large["known"] is True
    assert large["candidates"][0]["coin"] == 20
    assert type(large["candidates"][0]["distance"]) is int
    assert len(large["candidates"]) == 2


def test_a_photo_without_coins_has_an_answer_without_coins(photo_of, catalog, fake_models):
    answer = Recognizer(catalog, fake_models).recognize(photo_of(640, 480, []))
    assert answer.as_json("empty.jpg")["coins"] == []


def test_an_empty_catalogue_knows_no_coin(photo_of, catalog, fake_models):
    empty = catalog_of(Rows.none(), catalog.manifest.space_id)
    (coin,) = Recognizer(empty, fake_models).recognize(photo_of(640, 480, [(320, 240, 120, "left")])).coins
    assert (coin.known, coin.confidence, coin.candidates) == (False, 0.0, ())


def test_models_of_another_space_are_refused_by_name_with_what_to_do(catalog, fake_models):
    other = replace(fake_models, index=replace(fake_models.index, space_id="f" * 16))
    with pytest.raises(
        SpaceMismatch, match=f"device: .*{catalog.manifest.space_id}.*{'f' * 16}; use the models"
    ) as caught:
        Recognizer(catalog, other)
    assert isinstance(caught.value, CatalogError)


@pytest.fixture
def recognized(tmp_path, draw, catalog, fake_models, monkeypatch):
    """Calls the command on photos in a folder, of which `front.png` shows a coin; gives its exit code."""
    monkeypatch.setattr(command, "open_catalog", lambda home, background: catalog)
    monkeypatch.setattr(LocalCatalog, "models", lambda self, threads: fake_models)
    Image.fromarray(draw(640, 480, [(320, 240, 120, "left")])).save(tmp_path / "front.png")

    def call(*names, as_json=True):
        try:
            command.recognize([tmp_path / name for name in names], candidates=2, threads=1, as_json=as_json)
        except typer.Exit as ended:
            return ended.exit_code
        return 0

    return call


def test_photos_that_cannot_be_read_leave_the_answers_of_the_others(recognized, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.png").write_bytes(b"no photo")
    assert recognized("pipe", "front.png", "gone.png", "text.png", "front.png") == 1
    out, err = capsys.readouterr()
    documents = [json.loads(line) for line in out.splitlines()]
    names = [document["photo"].rpartition("/")[2] for document in documents]
    assert names == ["pipe", "front.png", "gone.png", "text.png", "front.png"]
    assert ["error" in document for document in documents] == [True, False, True, True, False]
    assert documents[1]["coins"] and "no such file" in documents[2]["error"]
    assert err.count("error: ") == 3 and "a pipe or a device" in err


def test_a_photo_that_the_memory_does_not_suffice_for_is_an_error_line(recognized, monkeypatch, capsys):
    real, times = Recognizer.recognize_each, []

    def recognize(self, photo, **options):
        times.append(1)
        if len(times) == 1:
            raise MemoryError
        return real(self, photo, **options)

    monkeypatch.setattr(Recognizer, "recognize_each", recognize)
    assert recognized("front.png", "front.png") == 1
    out, err = capsys.readouterr()
    first, second = (json.loads(line) for line in out.splitlines())
    assert "not enough memory" in first["error"] and second["coins"]
    assert "front.png: there is not enough memory" in err


def test_names_are_shown_and_not_obeyed(recognized, catalog, tmp_path, capsys, monkeypatch):
    evil = "Uto[/]pia \x1b]0;x\x07 [bold]\u202e"
    for record in catalog.records.values():
        object.__setattr__(record, "name", evil)
    (tmp_path / "front.png").rename(tmp_path / "a[bold]\x1b[2J.png")
    monkeypatch.setenv("COLUMNS", "200")
    assert recognized("a[bold]\x1b[2J.png", as_json=False) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "\u202e" not in printed and "\x07" not in printed
    assert "a[bold]\\x1b[2J.png" in printed
    assert recognized("a[bold]\x1b[2J.png") == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_country_is_one_in_composed_and_decomposed_letters(catalog):
    for record in catalog.records.values():
        object.__setattr__(record, "country", "Türkiye")
    for form in ("NFC", "NFD"):
        assert catalog.class_ids(country=unicodedata.normalize(form, "türkiye")) == {10, 20, 30}

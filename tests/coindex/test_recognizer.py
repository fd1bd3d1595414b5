"""Answers from a small catalogue of drawn coins."""

import json
from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np
import pytest

from coindex.catalog.local import LocalCatalog
from coindex.catalog.release import ReleaseManifest
from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import CoinRecord, Rows
from coindex.codes import similarity, squared_distances
from coindex.errors import CatalogError, SpaceMismatch
from coindex.models import OpenSet
from coindex.pipeline import encode_photo
from coindex.recognizer import Recognizer, confidence


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
        shards=(), fresh=None, tombstones=(), records="records.json", thumbnails=(), state_hash="5" * 64,
        rows=len(rows), classes=3, ef=100,
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


def test_a_coin_is_known_up_to_the_threshold_inclusive(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(320, 240, 120, "plain")])
    distance = Recognizer(catalog, fake_models).recognize(photo).coins[0].candidates[0].distance
    assert distance > 0

    def known(threshold):
        open_set = OpenSet(threshold, 15_000.0, 1e-3)
        models = replace(fake_models, index=replace(fake_models.index, open_set=open_set))
        return Recognizer(catalog, models).recognize(photo).coins[0].known

    assert known(distance)
    assert not known(distance - 1)


def test_the_releases_threshold_goes_before_the_models(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(320, 240, 120, "left")])
    strict = catalog_of(catalog.index.rows, catalog.manifest.space_id, OpenSet(-1, -1e9, 1.0))
    assert Recognizer(catalog, fake_models).recognize(photo).coins[0].known
    coin = Recognizer(strict, fake_models).recognize(photo).coins[0]
    assert not coin.known
    assert coin.confidence == pytest.approx(0)


def test_confidence_is_a_half_at_the_midpoint_and_falls_with_distance():
    open_set = OpenSet(0, 1000.0, 0.01)
    assert confidence(1000, open_set) == 0.5
    assert confidence(900, open_set) == pytest.approx(1 / (1 + exp(-1)))
    assert confidence(1100, open_set) == pytest.approx(1 / (1 + exp(1)))
    assert 0 <= confidence(2**24, open_set) < 1e-9
    assert confidence(0, OpenSet(0, 1e9, 1.0)) == 1.0


def test_the_document_is_the_designs(photo_of, catalog, fake_models):
    photo = photo_of(640, 480, [(120, 240, 60, "left"), (420, 240, 150, "top")])
    answer = Recognizer(catalog, fake_models).recognize(photo, candidates=2)
    document = json.loads(json.dumps(answer.as_json("coins.jpg")))
    assert list(document) == ["photo", "catalog", "coins", "timings_ms"]
    assert document["photo"] == "coins.jpg"
    assert document["catalog"] == {"version": 7, "state_hash": "5" * 64}
    assert set(document["timings_ms"]) == {"segment", "cutout", "embed", "search"}
    large, small = document["coins"]
    assert list(large) == ["box", "known", "confidence", "candidates"]
    assert list(large["candidates"][0]) == ["coin", "side", "name", "distance", "similarity"]
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

"""The second look: which candidates it ranks anew, by what, and when it leaves them as they are."""

from dataclasses import replace

import numpy as np
import pytest

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.joint import search_together
from coindex.models import ModelFile, ReliefModel
from coindex.open_set import Evidence, ReliefEvidence, ReliefOpenSet
from coindex.pipeline import encode_photo
from coindex.recognizer import Recognizer
from coindex.relief import OUTPUT_SHAPE, SCORE_ONE, Look, QueryRelief, agreement, compare, unroll
from coindex.relief_ranking import (
    NO_MAPS,
    NO_NET,
    SecondLook,
    look_again,
    look_again_together,
    of_one_series,
    sureness,
)
from tests.coindex.test_recognizer import catalog_of

SURE = ReliefOpenSet(least=0.25, bias=0, score=1e-3, distance=0, lead=0, rows=0, photos=0, far=129_032, apart=500)


def relief_of(seed):
    return QueryRelief(np.random.default_rng(seed).integers(-7, 8, OUTPUT_SHAPE[1:]).astype(np.int8))


def code(value):
    return np.array([value] + [0] * 63, np.int8)


@pytest.fixture
def index():
    """Classes 1, 2 and 3, ever further from code 0: rows 10 and 11, 20, 30."""
    codes = np.stack([code(1), code(9), code(2), code(60)])
    return CatalogIndex.from_rows(Rows.of([10, 11, 20, 30], [1, 1, 2, 3], codes))


MAPS = {10: relief_of(10).map, 11: relief_of(11).map, 20: relief_of(20).map, 30: relief_of(30).map}


def second(maps=MAPS, **look):
    return SecondLook(Look(**{"classes": 2, "references": 2, "weight": 129_032, **look}), SURE, maps)


def asked(index, relief, look, k=3):
    return look_again(index, code(0), relief, index.search(code(0), k), look)


def test_a_class_that_looks_alike_comes_before_one_whose_code_is_nearer(index):
    ranking = asked(index, relief_of(20), second())
    assert [each.hit.class_id for each in ranking.candidates] == [2, 1, 3]
    first = ranking.candidates[0]
    (match,) = compare(relief_of(20), relief_of(20).map[None])
    assert (first.sight.row_id, first.sight.score, first.sight.turn) == (20, match.score, match.turn)
    assert first.rank == SCORE_ONE * 4 - 129_032 * match.score
    assert ranking.codes_alone is None and ranking.seen == 2


def test_a_class_counts_by_its_most_alike_reference(index):
    ranking = asked(index, relief_of(11), second())
    assert (ranking.candidates[0].hit.row_id, ranking.candidates[0].sight.row_id) == (10, 11)
    # Row 11 is the further one of its class: with one reference a class nobody looks at it.
    alone = asked(index, relief_of(11), second(references=1))
    assert {each.sight.row_id for each in alone.candidates[:2]} == {10, 20}


def test_a_class_beyond_those_looked_at_stays_where_it_is(index):
    ranking = asked(index, relief_of(30), second())
    assert ranking.candidates[-1].hit.class_id == 3 and ranking.candidates[-1].sight is None
    assert asked(index, relief_of(30), second(classes=3)).candidates[0].hit.class_id == 3


def test_without_weight_codes_rank_and_scores_are_shown(index):
    ranking = asked(index, relief_of(20), second(weight=0))
    assert [each.hit.class_id for each in ranking.candidates] == [1, 2, 3]
    assert all(each.sight for each in ranking.candidates[:2])


def test_where_one_of_the_nearest_has_no_map_codes_alone_answer_and_say_so(index):
    ranking = asked(index, relief_of(20), second({10: MAPS[10]}))
    assert [each.hit.class_id for each in ranking.candidates] == [1, 2, 3]
    assert (ranking.codes_alone, ranking.seen) == (NO_MAPS, 0)
    assert isinstance(ranking.evidence(rows=4), Evidence)
    # A class with some maps is looked at by those.
    assert asked(index, relief_of(20), second({11: MAPS[11], 20: MAPS[20]})).codes_alone is None


def test_without_a_net_or_maps_the_answer_says_which_is_missing(index):
    assert asked(index, None, second()).codes_alone == NO_NET
    assert asked(index, relief_of(1), None).codes_alone == NO_MAPS
    assert asked(index, None, None).candidates == asked(index, relief_of(1), None).candidates


def test_evidence_of_a_second_look_is_of_the_first_candidate_and_its_lead(index):
    ranking = asked(index, relief_of(20), second())
    first, other = ranking.candidates[:2]
    seen = ranking.evidence(rows=4)
    assert seen == ReliefEvidence(4, first.sight.score, (other.rank - first.rank) / SCORE_ONE, 4)
    assert sureness(seen, None, second()) == (SURE.known(seen), SURE.confidence(seen))


def test_candidates_that_tie_share_the_confidence(index):
    same = dict.fromkeys(MAPS, MAPS[10])
    rows = Rows.of([10, 20], [1, 2], np.stack([code(1), code(1)]))
    ranking = asked(CatalogIndex.from_rows(rows), relief_of(10), second(same))
    assert [each.hit.row_id for each in ranking.candidates] == [10, 20]  # by row id
    assert ranking.evidence(rows=2).ties == 2
    assert SURE.confidence(ranking.evidence(rows=2)) == 0.5


def test_several_photos_rank_by_the_sum_and_each_by_the_side_that_looks_alike(index):
    coins = {1: ("A", "", "1", ""), 2: ("A", "", "1", ""), 3: ("B", "", "1", "")}
    codes, reliefs = [code(0), code(0)], [relief_of(10), relief_of(20)]
    hits = search_together(index, coins, codes, 2)
    assert [side.class_id for side in hits[0].hits] == [1, 1]  # by code both photos show one side
    ranking = look_again_together(index, coins, codes, reliefs, hits, second())
    assert ranking.candidates[0].coin == coins[1]
    assert [side.hit.class_id for side in ranking.candidates[0].sides] == [1, 2]
    assert ranking.candidates[0].rank == sum(side.rank for side in ranking.candidates[0].sides)
    seen = ranking.evidence(rows=4, photos=2)
    assert seen.distance == (1 + 4) / 2 and seen.photos == 2


def test_several_photos_without_all_maps_are_answered_by_codes(index):
    coins = {1: ("A", "", "1", ""), 2: ("A", "", "1", ""), 3: ("B", "", "1", "")}
    hits = search_together(index, coins, [code(0)], 2)
    assert look_again_together(index, coins, [code(0)], [relief_of(1)], hits, None).codes_alone == NO_MAPS
    assert look_again_together(index, coins, [code(0)], [None], hits, second()).codes_alone == NO_NET
    lacking = {row: values for row, values in MAPS.items() if row != 20}
    assert look_again_together(index, coins, [code(0)], [relief_of(1)], hits, second(lacking)).codes_alone == NO_MAPS


def test_classes_of_one_design_that_are_not_told_apart_are_a_series():
    designs = {1: "lion", 2: "lion", 3: "", 4: ""}
    assert of_one_series([1, 2], designs) == "lion"
    assert of_one_series([1], designs) is None
    assert of_one_series([1, 2, 3], designs) is None
    assert of_one_series([3, 4], designs) is None


def test_only_candidates_that_the_first_hardly_leads_are_level_with_it(index):
    ranking = asked(index, relief_of(20), second())
    lead = (ranking.candidates[1].rank - ranking.candidates[0].rank) / SCORE_ONE
    assert ranking.level(lead) == ranking.candidates[:1]
    assert ranking.level(lead + 1) == ranking.candidates[:2]


@pytest.fixture
def models_with_relief(fake_models):
    """Models whose relief net sees the cutout's polar picture in squares."""

    def net(cutout):
        squares = unroll(cutout).reshape(8, 8, 64, 4).mean(axis=(1, 3))
        values = np.zeros(OUTPUT_SHAPE[1:], np.int8)
        values[:, :, 0] = np.clip((squares - 128) / 8, -7, 7)
        return QueryRelief(values)

    model = ReliefModel(ModelFile("relief.tflite", "2" * 64, 1), "0" * 16, Look(3, 8, 129_032), SURE)
    return replace(fake_models, index=replace(fake_models.index, relief=model), relief=net)


def test_an_answer_shows_what_the_second_look_saw(photo_of, models_with_relief, tmp_path):
    photos = {number: photo_of(640, 480, [(320, 240, 120, name)]) for number, name in ((10, "left"), (20, "top"))}
    found = {number: encode_photo(photo, models_with_relief).coins[0] for number, photo in photos.items()}
    rows = Rows.of([1, 2], [10, 20], np.stack([coin.code for coin in found.values()]))
    catalog = catalog_of(rows, models_with_relief.index.space_id)
    maps = {1: found[10].relief.map, 2: found[20].relief.map}
    (coin,) = Recognizer(catalog, models_with_relief, maps=maps).recognize(photos[10]).coins
    best = coin.candidates[0]
    assert (best.coin, best.relief_row, best.angle) == (10, 1, 0.0)
    assert best.relief == coin.candidates[1].relief > 9_000  # the same pattern, but turned: the code tells them apart
    assert coin.candidates[1].angle == 270.0  # a pattern at the top, turned on by that, is one at the left
    assert (coin.agreement(best) >= 0).all() and np.array_equal(
        coin.agreement(best), agreement(*seen_at(coin, maps, 0))
    )
    assert np.array_equal(coin.agreement(coin.candidates[1]), agreement(*seen_at(coin, maps, 1)))
    document = Recognizer(catalog, models_with_relief, maps=maps).recognize(photos[10]).as_json("a.jpg")["coins"][0]
    assert document["second_look"] is True and document["candidates"][0]["relief"] == best.relief
    (by_code,) = Recognizer(catalog, models_with_relief).recognize(photos[10]).coins
    assert by_code.codes_alone == NO_MAPS and by_code.candidates[0].relief is None
    assert by_code.agreement(by_code.candidates[0]) is None


def seen_at(coin, maps, place):
    candidate = coin.candidates[place]
    return coin.encoded.relief, maps[candidate.relief_row], round(candidate.angle / 5.625)


def test_coins_of_one_design_that_look_the_same_are_named_by_their_series(photo_of, models_with_relief):
    photo = photo_of(640, 480, [(320, 240, 120, "left")])
    coin = encode_photo(photo, models_with_relief).coins[0]
    rows = Rows.of([1, 2], [10, 20], np.stack([coin.code, coin.code]))
    catalog = catalog_of(rows, models_with_relief.index.space_id)
    catalog = replace(
        catalog, records={number: replace(record, design="lion") for number, record in catalog.records.items()}
    )
    maps = {1: coin.relief.map, 2: coin.relief.map}
    (answered,) = Recognizer(catalog, models_with_relief, maps=maps).recognize(photo).coins
    assert answered.series is not None
    assert (answered.series.design, answered.series.coins) == ("lion", (10, 20))
    assert answered.confidence <= 0.5

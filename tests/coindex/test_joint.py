"""Several codes, one coin: on distances one can count, and against plain arithmetic."""

from collections import defaultdict

import numpy as np
import pytest

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.codes import squared_distances
from coindex.joint import search_together


def code(first, second=0):
    out = np.zeros(64, np.int8)
    out[:2] = first, second
    return out


def coin(name):
    return ("Utopia", "mark", name, "")


COINS = {1: coin("a"), 2: coin("a"), 3: coin("b"), 4: coin("c")}
"""Classes 1 and 2 are the two sides of coin a."""


@pytest.fixture
def index():
    return CatalogIndex.from_rows(
        Rows.of([1, 2, 3, 4], [1, 2, 3, 4], np.stack([code(0), code(100), code(50), code(9)]))
    )


def test_each_photo_counts_by_the_nearest_side_of_a_coin(index):
    # From coin a the photos lie 1² (its side 1) and 2² (its side 2) away; from b 49² and 48²; from c 8² and 89².
    hits = search_together(index, COINS, [code(1), code(98)], 3)
    assert [(hit.coin[2], hit.distance) for hit in hits] == [
        ("a", 1 + 4), ("b", 49**2 + 48**2), ("c", 8**2 + 89**2),
    ]  # fmt: skip
    assert [(side.class_id, side.row_id, side.distance) for side in hits[0].hits] == [(1, 1, 1), (2, 2, 4)]


def test_one_code_ranks_coins_as_a_search_ranks_their_classes(index):
    hits = search_together(index, COINS, [code(20)], 9)
    assert [(hit.coin[2], hit.distance) for hit in hits] == [("c", 121), ("a", 400), ("b", 900)]


def test_equal_sums_go_by_row_id():
    rows = Rows.of([5, 8], [3, 4], np.stack([code(10), code(10)]))
    hits = search_together(CatalogIndex.from_rows(rows), COINS, [code(0), code(3)], 2)
    assert [hit.hits[0].row_id for hit in hits] == [5, 8]


def test_a_coin_that_is_among_the_nearest_of_no_single_photo_can_be_the_nearest_of_all():
    # 40 coins lie beside either photo, 200 from the other; the one between them is 100 from both, and first in sum.
    codes = [code(end, step) for end in (-100, 100) for step in range(1, 41)]
    coins = {number: coin(str(number)) for number in range(1, 82)}
    index = CatalogIndex.from_rows(Rows.of(range(1, 82), range(1, 82), np.stack([*codes, code(0)])))
    first, second = search_together(index, coins, [code(-100), code(100)], 2)
    assert (first.coin, first.distance) == (coin("81"), 100**2 + 100**2)
    assert second.distance == 1 + (200**2 + 1)


def test_a_coin_just_beyond_the_first_look_wins_a_tie_by_its_row_id():
    # The photos lie at (-10, 0) and (10, 0). Nearest in sum is the coin between them, 100 from both. Each first look
    # ends 109 away, at a lower row than that of the coin at (0, 3), which is 109 from both and so in neither; the coin
    # at (3, 0), 169 and 49 away, has the same sum and a higher row.
    codes = [*[code(-10)] * 30, *[code(10)] * 29, code(0), code(-7, 10), code(7, 10), code(0, 3), code(3)]
    coins = {number: coin(str(number)) for number in range(1, 65)}
    index = CatalogIndex.from_rows(Rows.of(range(1, 65), range(1, 65), np.stack(codes)))
    hits = search_together(index, coins, [code(-10), code(10)], 2)
    assert [(hit.coin[2], hit.distance) for hit in hits] == [("60", 100 + 100), ("63", 109 + 109)]


def test_a_catalogue_of_one_side_has_one_coin():
    index = CatalogIndex.from_rows(Rows.of([1], [1], np.stack([code(9)])))
    (only,) = search_together(index, COINS, [code(0), code(1)], 3)
    assert (only.coin, only.distance) == (coin("a"), 9**2 + 8**2)


def test_only_the_classes_named_answer_however_many_there_are():
    codes = np.stack([code(number) for number in range(60)])
    index = CatalogIndex.from_rows(Rows.of(range(1, 61), range(1, 61), codes))
    coins = {31: coin("d"), 51: coin("e")}
    hits = search_together(index, coins, [code(0), code(1)], 2, classes=coins)
    assert [(hit.coin[2], hit.distance) for hit in hits] == [("d", 30**2 + 29**2), ("e", 50**2 + 49**2)]


def test_sums_agree_with_plain_arithmetic():
    rng = np.random.default_rng(0)
    codes = rng.integers(-127, 128, (900, 64)).astype(np.int8)
    coins = {number + 1: coin(str(number // 2)) for number in range(900)}
    index = CatalogIndex.from_rows(Rows.of(range(1, 901), range(1, 901), codes))
    queries = list(rng.integers(-127, 128, (3, 64)).astype(np.int8))
    sums = defaultdict(int)
    for distances in squared_distances(np.stack(queries), codes):
        for pair in range(450):
            sums[pair] += int(distances[2 * pair : 2 * pair + 2].min())
    expected = sorted(sums.items(), key=lambda item: item[1])[:5]
    assert [(int(hit.coin[2]), hit.distance) for hit in search_together(index, coins, queries, 5)] == expected


def test_an_empty_catalogue_has_no_coin_and_no_code_is_no_question(index):
    assert search_together(CatalogIndex.from_rows(Rows.none()), {}, [code(0)], 3) == ()
    with pytest.raises(ValueError, match="at least one code"):
        search_together(index, COINS, [], 3)

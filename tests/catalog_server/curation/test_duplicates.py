"""Photos of the catalogue that a new one is like."""

import numpy as np
import pytest

from catalog_server.curation.coins import add_coin
from catalog_server.curation.duplicates import NEAR_DUPLICATE, nearest_rows
from catalog_server.curation.photos import NewPhoto, retire_photo
from coindex.manifest import CoinClass

SPACE = "a" * 16


def code(first, *rest):
    return np.array([first, *rest, *[0] * (63 - len(rest))], np.int8)


@pytest.fixture
def curated(any_store):
    """Rows 1 to 5 at 0, 3, 3, 100 and 127 along the first axis."""
    for number, along in enumerate([0, 3, 3, 100, 127]):
        label = CoinClass("Utopia", "mark", str(number), "", "obverse")
        photo = NewPhoto(b"%d" % number, "", b"", {SPACE: code(along)})
        add_coin(any_store, label, actor="test", photos=[photo])
    return any_store


def near(store, asked, **options):
    with store.reading() as session:
        return nearest_rows(session, SPACE, asked, **options)


def test_the_nearest_rows_come_first_and_equal_ones_by_their_ids(curated, monkeypatch):
    found = near(curated, code(4))
    assert [(row.row_id, row.distance) for row in found] == [(2, 1), (3, 1), (1, 16), (4, 96 * 96), (5, 123 * 123)]
    assert (found[0].class_id, found[0].name, found[0].side) == (2, "Utopia 1 mark", "obverse")
    monkeypatch.setattr("catalog_server.curation.duplicates.READ_AT_ONCE", 2)
    assert near(curated, code(4)) == found and near(curated, code(4), k=2) == found[:2]


def test_distances_do_not_overflow(curated):
    (far,) = near(curated, np.full(64, -127, np.int8), k=1)
    assert far.distance == 64 * 127 * 127


def test_a_retired_photo_and_another_space_are_not_looked_at(curated):
    retire_photo(curated, 2, actor="test")
    assert [row.row_id for row in near(curated, code(3), k=2)] == [3, 1]
    with curated.reading() as session:
        assert nearest_rows(session, "b" * 16, code(3)) == ()


def test_a_near_duplicate_is_one_within_the_measured_distance(curated):
    edge = round(NEAR_DUPLICATE**0.5)
    assert (edge - 1) ** 2 <= NEAR_DUPLICATE and near(curated, code(0, edge - 1), k=1)[0].is_near_duplicate
    assert not near(curated, code(0, edge + 1), k=1)[0].is_near_duplicate


def test_what_is_no_code_is_refused(curated):
    with pytest.raises(ValueError, match="a code is int8"):
        near(curated, np.zeros(64))

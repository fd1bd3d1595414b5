"""What looks like a mistake, on codes whose distances one can work out by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from catalog_server.curation import quality
from catalog_server.curation.near_names import near_classes, spellings
from catalog_server.curation.quality import (
    confirm_photos,
    confirmed_photos,
    find_mistakes,
    kept_findings,
    measure,
    suspects,
)
from catalog_server.store import CoinRow, PhotoRow
from coindex.catalog import Rows
from coindex.errors import StoreError
from coindex.manifest import CoinClass


def rows_at(*points):
    """Rows of classes at places on a line, whose squared distances are the squares of the differences."""
    codes = np.zeros((len(points), 64), np.int8)
    codes[:, 0] = [place for _, place in points]
    return Rows.of(range(1, len(points) + 1), (class_id for class_id, _ in points), codes)


def test_a_photo_among_those_of_another_class_is_the_first_suspect_by_the_ratio_of_distances():
    # Photo 4 says that it is of class 1, at 0 to 2, and lies among those of class 2, at 100 to 104.
    found = suspects(rows_at((1, 0), (1, 1), (1, 2), (1, 101), (2, 100), (2, 102), (2, 104)))
    assert [(each.row_id, each.nearer_class_id, each.nearer_row_id) for each in found] == [(4, 2, 5)]
    # The second nearest of its own is at 1, so 100² away; the second nearest of class 2 is 1 away.
    assert found[0].score == (100**2 + 1) / (1**2 + 1)


def test_one_mislabelled_photo_makes_no_suspects_of_those_around_it():
    # Class 2 has one photo, row 7, amid class 1: each photo of class 1 has it nearer than its second of its own.
    found = suspects(rows_at((1, 0), (1, 10), (1, 20), (2, 100), (2, 101), (2, 102), (2, 11)))
    assert [each.row_id for each in found] == [7]


def test_a_photo_alone_in_its_class_is_no_suspect_and_its_class_is_as_near_as_it():
    found = suspects(rows_at((1, 0), (1, 50), (2, 49)))
    assert [(each.row_id, each.nearer_class_id) for each in found] == [(2, 2), (1, 2)]


def test_a_catalogue_of_one_class_has_no_suspects():
    assert suspects(rows_at((1, 0), (1, 50), (1, 99))) == []
    assert suspects(rows_at((1, 0))) == []


def test_almost_the_same_photo_in_two_classes_is_a_pair_once_and_in_one_class_none():
    found = measure(rows_at((1, 0), (1, 1), (2, 54), (3, 55)))
    assert [(each.row_id, each.other_row_id, each.distance) for each in found.pairs] == [
        (3, 4, 1), (2, 3, 53**2), (1, 3, 54**2), (2, 4, 54**2)
    ]  # fmt: skip
    assert 55**2 > quality.NEAR_DUPLICATE >= 54**2, "or photos 1 and 4 would be one more"


def test_classes_are_told_that_are_taken_for_each_other():
    found = measure(rows_at((1, 0), (1, 1), (1, 2), (1, 100), (1, 101), (2, 99), (2, 100), (2, 102), (2, 101)))
    assert [(each.class_id, each.other_class_id, each.photos, each.of) for each in found.taken] == [(1, 2, 2, 5)]


def test_more_photos_than_are_compared_with_at_once_give_the_same(monkeypatch):
    random = np.random.default_rng(5)
    codes = random.integers(-127, 128, (300, 64)).astype(np.int8)
    rows = Rows.of(range(1, 301), random.integers(1, 40, 300).tolist(), codes)
    whole = suspects(rows)
    monkeypatch.setattr(quality, "AT_ONCE", 7)
    assert suspects(rows) == whole and whole


def test_what_was_found_is_kept_whole(filled):
    assert kept_findings(filled) is None
    found = find_mistakes(filled)
    assert kept_findings(filled) == found and found.photos == 6


def test_an_empty_catalogue_is_told(store):
    with pytest.raises(StoreError, match="no photos yet"):
        find_mistakes(store)


def test_classes_with_one_photo_come_with_the_least_sharp_first(filled):
    def picture(pixels):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "WEBP", quality=90)
        return out.getvalue()

    random = np.random.default_rng(1)
    sharp = np.repeat(random.integers(30, 226, (160, 160, 1)).astype(np.uint8), 3, 2)
    smooth = np.repeat(np.linspace(30, 225, 160).astype(np.uint8)[None, :, None].repeat(160, 0), 3, 2)
    with filled.changing() as session:
        for row_id, pixels in ((1, sharp), (3, smooth)):
            session.get(PhotoRow, row_id).thumbnail = picture(pixels)
        for row_id in (2, 4):
            session.get(PhotoRow, row_id).retired = True
        session.get(PhotoRow, 3).thumbnail = picture(smooth)
    found = find_mistakes(filled).singles
    assert [each.row_id for each in found] == [3, 1] and found[0].sharpness < found[1].sharpness


def test_photos_that_are_right_are_remembered_once(filled):
    assert confirm_photos(filled, [1, 2], actor="user:ada") == 2
    assert confirm_photos(filled, [2, 3], actor="user:ada") == 1
    with filled.reading() as session:
        assert confirmed_photos(session) == {1, 2, 3}
    with pytest.raises(StoreError, match="no photo 99"):
        confirm_photos(filled, [99], actor="user:ada")


def test_spellings_of_one_word_are_grouped_with_the_commonest_first():
    found = spellings({"United States": 9, "united  states": 2, "Poland": 4, "UNITED STATES": 2})
    assert found == [[("United States", 9), ("UNITED STATES", 2), ("united  states", 2)]]


def test_classes_that_read_alike_are_grouped_by_side():
    labels = {
        CoinClass("Utopia", "mark", name, "", side): number
        for number, (name, side) in enumerate(
            (("5", "obverse"), ("5.0", "obverse"), ("5", "reverse"), ("6", "obverse"), ("5,00", "obverse")), start=1
        )
    }
    assert near_classes(labels) == [[1, 2, 5]]


def test_a_planted_mistake_is_found_in_a_store(filled):
    with filled.changing() as session:
        photo, like = session.get(PhotoRow, 1), session.get(PhotoRow, 3)
        photo.codes[0].code = like.codes[0].code
    (found, *_) = find_mistakes(filled).suspects
    assert (found.row_id, found.class_id, found.nearer_class_id) == (1, 1, 2)
    with filled.reading() as session:
        assert session.get(CoinRow, found.class_id).name == "Utopia 1 mark"

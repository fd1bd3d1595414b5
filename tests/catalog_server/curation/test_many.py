"""Great steps with many coins and photos: what they do, what a preview says of it, and what undoing gives back."""

import pytest

from catalog_server.curation import many
from catalog_server.curation.coins import add_coin, edit_coin
from catalog_server.curation.photos import NewPhoto
from catalog_server.curation.steps import find_step, preview, take_step, undoing
from catalog_server.store import CoinRow, PhotoRow
from catalog_server.store.audit import audit_entries
from coindex.catalog import state_hash
from coindex.errors import StaleChange, StoreError
from coindex.manifest import CoinClass


def hash_of(store):
    with store.reading() as session:
        return state_hash(store.state(session))


def live(store):
    with store.reading() as session:
        coins = session.query(CoinRow).where(~CoinRow.retired).order_by(CoinRow.class_id)
        return {
            coin.class_id: (coin.label, sorted(photo.row_id for photo in coin.photos if not photo.retired))
            for coin in coins
        }


def label(denomination, **fields):
    return CoinClass(**{"country": "Utopia", "currency": "mark", "variant": "", "side": "obverse", **fields},
                     denomination=denomination)  # fmt: skip


def take(store, plan):
    return take_step(store, plan, actor="user:ada", digest=preview(store, plan).digest)


PLANS = {
    "retire": lambda: many.retire_coins([1, 2]),
    "rename": lambda: many.rename_coins([1, 3], "country", "Erewhon"),
    "merge": lambda: many.merge_coins([1, 2], into=2),
    "merge by name": lambda: many.rename_coins([1, 2, 3], "denomination", "9"),
    "spellings": lambda: many.unite_spellings("country", ["Utopia"], "Arcadia"),
    "a fact": lambda: many.rename_coins([1, 2], "metal", "tin"),
    "design": lambda: many.rename_coins([1, 2], "design", "lion"),
    "move": lambda: many.move_photos([1, 4], 3),
    "retire photos": lambda: many.retire_photos([1, 6]),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_preview_changes_nothing_and_a_step_undone_gives_the_very_state(filled, name):
    before, coins = hash_of(filled), live(filled)
    seen = preview(filled, PLANS[name]())
    assert seen and hash_of(filled) == before and live(filled) == coins
    step = take(filled, PLANS[name]())
    assert (step.told, step.coins) == (seen.told, seen.coins)
    after = hash_of(filled)
    assert after != before
    assert find_step(filled, step.step_id) == step
    back = take(filled, undoing(step.step_id))
    assert hash_of(filled) == before and live(filled) == coins
    assert find_step(filled, step.step_id).undone
    again = take(filled, undoing(back.step_id))
    assert hash_of(filled) == after and again.told == f"Undid: {back.told}"


def test_many_coins_are_retired_and_brought_back(filled):
    step = take(filled, many.retire_coins([1, 2]))
    assert step.told == "Retired 2 coin sides with 4 photos" and list(live(filled)) == [3]
    step = take(filled, many.restore_coins([1, 2, 3]))
    assert step.told == "Brought back 2 coin sides with 4 photos"
    assert {class_id: rows for class_id, (_, rows) in live(filled).items()} == {1: [1, 2], 2: [3, 4], 3: [5, 6]}


def test_merged_classes_are_one_with_the_photos_and_facts_of_all(filled):
    edit_coin(filled, 1, revision=1, actor="test", facts={"metal": "tin", "mint": "A"})
    edit_coin(filled, 2, revision=1, actor="test", facts={"metal": "gold"})
    take(filled, many.merge_coins([1, 2], into=2))
    assert {class_id: rows for class_id, (_, rows) in live(filled).items()} == {2: [3, 4, 7, 8], 3: [5, 6]}
    with filled.reading() as session:
        assert session.get(CoinRow, 2).facts == {"mint": "A", "metal": "gold"}
        assert [photo.photo_sha256 for photo in session.get(CoinRow, 1).photos] == [
            session.get(PhotoRow, row_id).photo_sha256 for row_id in (7, 8)
        ]


def test_spellings_of_a_country_become_one_and_coins_that_are_then_the_same_are_merged(filled):
    add_coin(filled, label("1", country="utopia"), actor="test")
    add_coin(filled, label("7", country="utopia"), actor="test")
    step = take(filled, many.unite_spellings("country", ["utopia", "Utopia"], "Utopia"))
    assert step.told == "Renamed 1 coin side, merged 1 into others"
    assert [found for found, _ in live(filled).values()] == [label(each) for each in ("1", "2", "3", "7")]
    with filled.reading() as session:
        entries = [entry for entry in audit_entries(session) if entry.action == "step.spellings"]
        assert [entry.actor for entry in entries] == ["user:ada"], "one step is one entry"
        assert entries[0] in audit_entries(session, subject="coin:5"), "which the coin's own history has too"


def test_labels_that_are_exchanged_by_a_rename_do_not_stand_in_each_others_way(filled):
    edit_coin(filled, 1, revision=1, actor="test", label=label("1", variant="a"))
    edit_coin(filled, 2, revision=1, actor="test", label=label("1", variant="b"))
    take(filled, many.rename_coins([1], "variant", "b"))
    assert {key: rows for key, (_, rows) in live(filled).items()} == {2: [3, 4, 7, 8], 3: [5, 6]}


def test_a_fact_that_is_emptied_is_so_on_the_other_side_too(filled):
    add_coin(filled, label("1", side="reverse"), actor="test", facts={"metal": "tin"})
    take(filled, many.rename_coins([1], "metal", ""))
    with filled.reading() as session:
        assert [session.get(CoinRow, each).facts for each in (1, 4)] == [{}, {}]


def test_a_photo_that_the_other_class_has_already_is_there_once(filled, collection):
    take(filled, many.move_photos([1], 2))
    with filled.reading() as session:
        assert session.get(PhotoRow, 7).coin.class_id == 2
    take(filled, many.move_photos([7], 1))
    assert live(filled)[1][1] == [1, 2] and live(filled)[2][1] == [3, 4], "back under its old row"


def test_a_photo_that_moved_has_its_codes_and_devices_could_follow(filled):
    with filled.reading() as session:
        code = session.get(PhotoRow, 1).codes[0].code
    take(filled, many.move_photos([1], 2))
    with filled.reading() as session:
        state = filled.state(session)
    assert (7, 2) in zip(state.rows.row_ids.tolist(), state.rows.class_ids.tolist(), strict=True)
    assert state.rows.codes[state.rows.row_ids.tolist().index(7)].tobytes() == code


def test_photos_are_described_as_one(filled):
    step = take(filled, many.describe_photos([1, 2, 3], year="1905"))
    assert step.told == "Set year 1905 for 3 photos"
    with filled.reading() as session:
        assert [session.get(PhotoRow, each).year for each in (1, 3, 4)] == ["1905", "1905", "1901"]
        assert session.get(PhotoRow, 1).specimen == "s0"


def test_a_step_that_would_do_something_else_by_now_is_refused(filled):
    plan = many.retire_coins([1, 2])
    digest = preview(filled, plan).digest
    take(filled, many.retire_photos([1]))
    before = hash_of(filled)
    with pytest.raises(StaleChange, match="look at it again"):
        take_step(filled, plan, actor="user:ada", digest=digest)
    assert hash_of(filled) == before


def test_what_was_changed_since_is_not_undone(filled):
    step = take(filled, many.rename_coins([1, 3], "country", "Erewhon"))
    edit_coin(filled, 1, revision=2, actor="test", label=label("1", country="Nowhere"))
    before = hash_of(filled)
    with pytest.raises(StaleChange, match=r"Nowhere 1 mark, obverse was changed since \(1 thing in all\)"):
        take(filled, undoing(step.step_id))
    assert hash_of(filled) == before and find_step(filled, step.step_id).undone


def test_undoing_leaves_what_the_step_did_not_touch(filled):
    step = take(filled, many.rename_coins([1, 3], "country", "Erewhon"))
    edit_coin(filled, 1, revision=2, actor="test", design="lion")
    take(filled, undoing(step.step_id))
    with filled.reading() as session:
        coin = session.get(CoinRow, 1)
        assert (coin.country, coin.design, coin.revision) == ("Utopia", "lion", 4)


def test_a_label_that_was_taken_meanwhile_is_told_when_a_step_is_undone(filled):
    step = take(filled, many.retire_coins([1]))
    add_coin(filled, label("1"), actor="test")
    with pytest.raises(StoreError, match=r"class 4 is Utopia 1 mark, obverse already"):
        take(filled, undoing(step.step_id))


def test_an_edit_that_a_step_overtook_says_which(filled):
    take(filled, many.rename_coins([1, 3], "country", "Erewhon"))
    with pytest.raises(StaleChange, match=r"user:ada, .*: Renamed 2 coin sides"):
        edit_coin(filled, 1, revision=1, actor="test", design="lion")


REFUSED = {
    "one class alone": (lambda: many.merge_coins([2], into=2), "two or more"),
    "two sides": (lambda: many.merge_coins([1, 4], into=1), "two sides of a coin"),
    "no class": (lambda: many.retire_coins([99]), "no class 99"),
    "no photo": (lambda: many.retire_photos([99]), "no photo 99"),
    "a side": (lambda: many.rename_coins([1], "side", "reverse"), "cannot be set for many"),
    "an empty country": (lambda: many.rename_coins([1], "country", " "), "country is empty"),
    "into a class that is not there": (lambda: many.move_photos([1], 77), "no class 77"),
    "spellings of a side": (lambda: many.unite_spellings("side", ["obverse"], "reverse"), "has no spellings"),
    "no step": (lambda: undoing(9), "no step 9"),
    "nothing to do": (lambda: many.restore_coins([1]), "changes nothing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_step_that_cannot_be_is_refused_and_nothing_changes(filled, name):
    add_coin(filled, label("1", side="reverse"), actor="test")
    before = live(filled)
    plan, told = REFUSED[name]
    with pytest.raises(StoreError, match=told):
        take_step(filled, plan(), actor="user:ada")
    assert live(filled) == before


def test_a_class_that_is_merged_has_no_photos_when_it_is_brought_back_alone(filled):
    take(filled, many.merge_coins([1, 2], into=2))
    take(filled, many.restore_coins([1]))
    assert live(filled)[1][1] == [] and live(filled)[2][1] == [3, 4, 7, 8]


def test_a_step_on_both_databases(any_store, collection, encoder, space):
    from catalog_server.curation.importer import import_photos

    import_photos(any_store, collection.read(), encoder, space_id=space, actor="test")
    before = hash_of(any_store)
    step = take(any_store, many.merge_coins([1, 2, 3], into=1))
    assert len(live(any_store)) == 1
    take(any_store, undoing(step.step_id))
    assert hash_of(any_store) == before


def test_a_new_photo_is_no_part_of_a_step_that_is_undone(filled, encoder, space):
    step = take(filled, many.retire_photos([1]))
    photo = NewPhoto(b"file", "x.jpg", b"", {space: next(iter(_codes(filled, 2)))})
    from catalog_server.curation.photos import add_photos

    added = add_photos(filled, 1, [photo], actor="test")
    take(filled, undoing(step.step_id))
    assert live(filled)[1][1] == [1, 2, *added.row_ids]


def _codes(store, row_id):
    import numpy as np

    with store.reading() as session:
        return [np.frombuffer(code.code, np.int8) for code in session.get(PhotoRow, row_id).codes]

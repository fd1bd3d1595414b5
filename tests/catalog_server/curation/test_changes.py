import pytest

from catalog_server.curation.changes import bring_back, changes
from catalog_server.curation.coins import add_coin, edit_coin, retire_coin
from catalog_server.curation.photos import retire_photo
from catalog_server.curation.steps import take_step
from catalog_server.store import CoinRow
from coindex.catalog import state_hash
from coindex.errors import StoreError
from coindex.manifest import CoinClass


def state(store):
    with store.reading() as session:
        return store.state(session)


def test_nothing_changes_between_equal_states(filled):
    assert not changes(state(filled), state(filled))
    assert not changes(None, None)


def test_the_first_release_brings_everything(filled):
    found = changes(None, state(filled))
    assert (len(found.added), found.rows_added, found.rows_removed) == (3, 6, 0)


def test_each_kind_of_change_is_told_apart(filled):
    before = state(filled)
    edit_coin(filled, 1, revision=1, actor="test", design="lion")
    retire_coin(filled, 2, actor="test")
    retire_photo(filled, 5, actor="test")
    found = changes(before, state(filled))
    assert [record.class_id for record in found.removed] == [2]
    assert [(old.design, new.design) for old, new in found.changed] == [("", "lion")]
    assert (found.added, found.rows_added, found.rows_removed) == ((), 0, 3)


def test_rolling_back_gives_the_very_state(filled):
    before = state(filled)
    edit_coin(filled, 1, revision=1, actor="test", label=CoinClass("Utopia", "mark", "9", "", "obverse"))
    retire_coin(filled, 2, actor="test")
    retire_photo(filled, 5, actor="test")
    done = take_step(filled, bring_back(before, version=1), actor="test")
    assert state_hash(state(filled)) == state_hash(before)
    assert done.told == "Brought back release 1: 3 photos came back, 0 went, 2 coin sides changed"


def test_rolling_back_sets_labels_right_that_were_exchanged(filled):
    before = state(filled)
    one, two = (CoinClass("Utopia", "mark", name, "", "obverse") for name in ("1", "2"))
    aside = CoinClass("Utopia", "mark", "aside", "", "obverse")
    edit_coin(filled, 1, revision=1, actor="test", label=aside)
    edit_coin(filled, 2, revision=1, actor="test", label=one)
    edit_coin(filled, 1, revision=2, actor="test", label=two)
    take_step(filled, bring_back(before, version=1), actor="test")
    assert state_hash(state(filled)) == state_hash(before)


def test_rolling_back_gives_coins_the_facts_and_titles_that_they_had(filled):
    edit_coin(filled, 1, revision=1, actor="test", facts={"title": "The mark", "links": ["https://a.example/"]})
    before = state(filled)
    edit_coin(filled, 1, revision=2, actor="test", facts={"title": "", "links": None, "weight": 3})
    done = take_step(filled, bring_back(before, version=1), actor="test")
    assert [coin.class_id for coin in done.coins] == [1]
    assert state_hash(state(filled)) == state_hash(before)
    with filled.reading() as session:
        assert session.get(CoinRow, 1).name == "The mark"


def test_rolling_back_retires_what_came_later(filled, collection, encoder, space):
    from catalog_server.curation.importer import import_photos

    before = state(filled)
    collection.add("7", seed=70)
    import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
    done = take_step(filled, bring_back(before, version=1), actor="test")
    assert [(coin.retired, coin.photos_removed) for coin in done.coins] == [(True, 1)]
    assert state_hash(state(filled)) == state_hash(before)


def test_a_label_that_another_coin_took_is_named_and_nothing_changes(filled):
    before = state(filled)
    retire_coin(filled, 2, actor="test")
    after = state(filled)
    add_coin(filled, CoinClass("Utopia", "mark", "2", "", "obverse"), actor="test")
    with pytest.raises(StoreError, match="class 4 bears the label of class 2"):
        take_step(filled, bring_back(before, version=1), actor="test")
    assert state_hash(state(filled)) == state_hash(after)


def test_a_release_of_another_store_is_refused(filled, tmp_path):
    from catalog_server.store import open_store

    with pytest.raises(StoreError, match="another store"):
        empty = open_store(tmp_path / "empty", create=True)
        try:
            take_step(empty, bring_back(state(filled), version=1), actor="test")
        finally:
            empty.close()

"""Changes of the catalogue: whole, by somebody, and of two at once neither lost."""

import threading

import numpy as np
import pytest
from sqlalchemy import func, select, text

from catalog_server.curation.coins import add_coin, edit_coin, restore_coin, retire_coin
from catalog_server.curation.photos import NewPhoto, add_photos, edit_photo, restore_photo, retire_photo
from catalog_server.store import CodeRow, CoinRow, PhotoRow, SpaceRow, open_store
from catalog_server.store.audit import audit_entries, cli_actor, record
from catalog_server.store.photo_files import photo_sha256
from coindex.errors import Busy, SpaceMismatch, StaleChange, StoreError
from coindex.manifest import CoinClass

SPACE = "a" * 16
MARK = CoinClass("Utopia", "mark", "1", "", "obverse")


def new_photo(number, **fields):
    code = np.full(64, number % 127, np.int8)
    return NewPhoto(
        b"photo %d" % number, f"{number}.jpg", b"picture", {**{SPACE: code}, **fields.pop("codes", {})}, **fields
    )


@pytest.fixture
def curated(any_store):
    """A store with one class of two photos: class 1, rows 1 and 2."""
    add_coin(any_store, MARK, actor="user:ann", photos=[new_photo(1), new_photo(2)])
    return any_store


def log(store, **where):
    with store.reading() as session:
        return [(entry.actor, entry.action, entry.subject) for entry in audit_entries(session, **where)]


def live_rows(store):
    with store.reading() as session:
        state = store.state(session)
        return state.rows.row_ids.tolist() if state else []


def coin(store, class_id=1):
    with store.reading() as session:
        row = session.get(CoinRow, class_id)
        return row.revision, row.name, row.design, row.retired


def test_a_coin_comes_with_its_photos_and_codes(any_store):
    class_id, added = add_coin(any_store, MARK, actor="user:ann", design="oak", photos=[new_photo(3, year="1901")])
    with any_store.reading() as session:
        state = any_store.state(session)
        assert any_store.live_spaces(session) == (SPACE,)
        assert session.get(PhotoRow, added.row_ids[0]).year == "1901"
    assert state.records[class_id].name == "Utopia 1 mark" and state.records[class_id].design == "oak"
    assert state.rows.codes.tolist() == [[3] * 64]
    assert any_store.photos.get(photo_sha256(b"photo 3")) == b"photo 3"
    assert log(any_store) == [("user:ann", "photos.add", "coin:1"), ("user:ann", "coin.add", "coin:1")]


def test_a_label_is_of_one_live_class(curated):
    with pytest.raises(StoreError, match="class 1 is Utopia 1 mark, obverse already"):
        add_coin(curated, MARK, actor="user:bob")
    retire_coin(curated, 1, actor="user:ann")
    assert add_coin(curated, MARK, actor="user:bob")[0] == 2
    with pytest.raises(StoreError, match="class 2 is Utopia 1 mark, obverse already"):
        restore_coin(curated, 1, actor="user:ann")


@pytest.mark.parametrize(
    "label, said",
    [
        (CoinClass("", "mark", "1", "", "obverse"), "country is empty"),
        (CoinClass("Utopia", "mark", " ", "", "obverse"), "denomination is empty"),
        (CoinClass("Utopia", "mark", "1", "", "top"), "side 'top' is none of"),
        (CoinClass("Utopia" * 40, "mark", "1", "", "obverse"), "country has 240 characters"),
        (CoinClass("Uto\npia", "mark", "1", "", "obverse"), "country holds a line end"),
    ],
)
def test_a_label_that_is_none_is_refused_and_nothing_is_written(any_store, label, said):
    with pytest.raises(StoreError, match=said):
        add_coin(any_store, label, actor="user:ann", photos=[new_photo(1)])
    assert log(any_store) == [] and list(any_store.photos.names()) == []


def test_an_edit_gives_a_new_revision_and_says_what_changed(curated):
    assert edit_coin(curated, 1, revision=1, actor="user:bob", design="oak") == 2
    label = CoinClass("Utopia", "mark", "2", "", "obverse")
    assert edit_coin(curated, 1, revision=2, actor="user:bob", label=label) == 3
    assert coin(curated) == (3, "Utopia 2 mark", "oak", False)
    with curated.reading() as session:
        newest, first = audit_entries(session, subject="coin:1", actor="user:bob")
    assert first.detail == {"revision": 2, "changes": {"design": ["", "oak"]}}
    assert newest.detail["changes"] == {"denomination": ["1", "2"], "name": ["Utopia 1 mark", "Utopia 2 mark"]}


def test_an_edit_that_changes_nothing_is_no_change(curated):
    assert edit_coin(curated, 1, revision=1, actor="user:bob", label=MARK, design="") == 1
    assert len(log(curated)) == 2


def test_an_edit_of_what_somebody_changed_meanwhile_is_refused_and_says_who_changed_what(curated):
    edit_coin(curated, 1, revision=1, actor="user:ann", design="oak")
    edit_coin(curated, 1, revision=2, actor="user:ann", design="elm")
    with pytest.raises(StaleChange, match=r"user:ann.*design from '' to 'oak'; .*design from 'oak' to 'elm'"):
        edit_coin(curated, 1, revision=1, actor="user:bob", design="fir")
    with pytest.raises(StaleChange, match="user:ann"):
        retire_coin(curated, 1, actor="user:bob", revision=1)
    assert coin(curated) == (3, "Utopia 1 mark", "elm", False)


def test_a_retired_class_comes_back_with_the_photos_that_went_with_it(curated):
    retire_photo(curated, 1, actor="user:ann")
    assert live_rows(curated) == [2]
    assert retire_coin(curated, 1, actor="user:ann")[1] == 1
    assert live_rows(curated) == []
    with pytest.raises(StoreError, match="class 1 is retired"):
        restore_photo(curated, 1, actor="user:ann")
    with pytest.raises(StoreError, match="restore it first"):
        edit_coin(curated, 1, revision=2, actor="user:ann", design="oak")
    assert restore_coin(curated, 1, actor="user:bob")[1] == 1
    assert live_rows(curated) == [2] and coin(curated)[0] == 3
    restore_photo(curated, 1, actor="user:bob")
    assert live_rows(curated) == [1, 2]


@pytest.mark.parametrize(
    ("retire", "restore"), [(retire_photo, restore_photo), (retire_coin, restore_coin)], ids=["photo", "coin"]
)
def test_what_has_no_code_in_a_live_space_does_not_come_back(curated, retire, restore):
    retire(curated, 1, actor="user:ann")
    before = live_rows(curated), coin(curated), log(curated)
    with curated.changing() as session:
        session.delete(session.get(CodeRow, (1, SPACE)))
    with pytest.raises(StoreError, match=rf"photo 1 \(1 photos in all\) has no code in space {SPACE}; add it from its"):
        restore(curated, 1, actor="user:bob")
    assert (live_rows(curated), coin(curated), log(curated)) == before


def test_what_is_not_there_or_so_already_is_refused(curated):
    for change in (
        lambda: restore_coin(curated, 1, actor="user:ann"),
        lambda: restore_photo(curated, 1, actor="user:ann"),
    ):
        with pytest.raises(StoreError, match="is not retired"):
            change()
    retire_photo(curated, 1, actor="user:ann")
    with pytest.raises(StoreError, match="retired already"):
        retire_photo(curated, 1, actor="user:ann")
    for change in (
        lambda: retire_photo(curated, 99, actor="user:ann"),
        lambda: edit_photo(curated, 99, actor="user:ann", year="1901"),
        lambda: add_photos(curated, 99, [], actor="user:ann"),
        lambda: edit_coin(curated, 99, revision=1, actor="user:ann"),
    ):
        with pytest.raises(StoreError, match=r"there is no (photo|class) 99"):
            change()


def test_a_photo_that_the_class_has_is_counted_and_a_retired_one_comes_back_under_its_row(curated):
    retire_photo(curated, 2, actor="user:ann")
    added = add_photos(curated, 1, [new_photo(1), new_photo(2), new_photo(3), new_photo(3)], actor="user:bob")
    assert (len(added.row_ids), added.row_ids[0], added.already_there) == (2, 2, 2)
    assert live_rows(curated) == [1, 2, added.row_ids[1]]


def test_what_is_known_of_a_photo_can_be_mended(curated):
    edit_photo(curated, 1, actor="user:ann", specimen="s1", year="1901")
    edit_photo(curated, 1, actor="user:ann", year="1901")
    with curated.reading() as session:
        [entry] = audit_entries(session, subject="photo:1")
        assert session.get(PhotoRow, 1).specimen == "s1"
    assert entry.detail == {"changes": {"specimen": ["", "s1"], "year": ["", "1901"]}}
    with pytest.raises(StoreError, match="year has 201 characters"):
        edit_photo(curated, 1, actor="user:ann", year="1" * 201)


def test_a_photo_has_a_code_in_every_live_space_and_in_no_other(curated):
    with curated.changing() as session:
        session.add(SpaceRow(space_id="b" * 16, state="preparing", created=""))
    other = np.ones(64, np.int8)
    for codes in ({}, {"b" * 16: other, "c" * 16: other}):
        with pytest.raises(SpaceMismatch):
            add_photos(curated, 1, [new_photo(3, codes=codes)], actor="user:ann")
    assert set(curated.photos.names()) == {photo_sha256(b"photo %d" % number) for number in (1, 2)}
    added = add_photos(curated, 1, [new_photo(3, codes={"b" * 16: other})], actor="user:ann")
    with curated.reading() as session:
        assert len(session.get(PhotoRow, added.row_ids[0]).codes) == 2


def test_a_change_and_its_entry_are_written_together_or_not_at_all(curated):
    with pytest.raises(ValueError, match="actor"):
        retire_coin(curated, 1, actor="")
    assert coin(curated)[3] is False and live_rows(curated) == [1, 2]
    with pytest.raises(KeyError), curated.changing() as session:
        record(session, actor="user:ann", action="test", subject="x")
        raise KeyError
    assert len(log(curated)) == 2


def test_the_log_is_read_newest_first_a_page_at_a_time(curated):
    for number in range(5):
        edit_coin(curated, 1, revision=number + 1, actor="user:bob", design=f"d{number}")
    with curated.reading() as session:
        first = audit_entries(session, limit=3)
        rest = audit_entries(session, before=first[-1].audit_id)
    assert [entry.detail["revision"] for entry in first] == [6, 5, 4] and len(rest) == 4
    assert cli_actor().startswith("cli:")


def test_of_two_curators_at_once_neither_loses_a_change(curated, database_url):
    """Each adds a word to the design, looking at the coin anew where somebody was quicker."""
    words, refused = 12, []

    def curate(name):
        own = open_store(curated.folder, database_url=database_url)
        for number in range(words):
            while True:
                with own.reading() as session:
                    row = session.get(CoinRow, 1)
                    revision, design = row.revision, row.design
                try:
                    edit_coin(
                        own, 1, revision=revision, actor=f"user:{name}", design=f"{design} {name}{number}".strip()
                    )
                    break
                except StaleChange:
                    refused.append(name)
            add_photos(own, 1, [new_photo(ord(name) * 100 + number)], actor=f"user:{name}")
        own.close()

    threads = [threading.Thread(target=curate, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    revision, _, design, _ = coin(curated)
    assert sorted(design.split()) == sorted(f"{name}{number}" for name in "ab" for number in range(words))
    assert revision == 1 + 2 * words
    assert len(live_rows(curated)) == 2 + 2 * words
    with curated.reading() as session:
        assert session.scalar(select(func.count()).select_from(text("audit"))) == 2 + 4 * words


def test_one_thing_is_done_by_one_process_at_a_time_and_others_beside_it(curated, database_url):
    other = open_store(curated.folder, database_url=database_url)
    with curated.exclusive("importing"):
        with pytest.raises(Busy, match="another process is importing"), other.exclusive("importing"):
            pass
        with other.exclusive("publishing"), other.changing():
            pass
    with other.exclusive("importing"):
        pass
    other.close()


def test_ids_are_never_given_again_even_after_a_change_that_failed(curated):
    with pytest.raises(KeyError), curated.changing() as session:
        session.add(PhotoRow(class_id=1, photo_sha256="x", source="", specimen="", year="", thumbnail=b"", created=""))
        session.flush()
        raise KeyError
    retire_photo(curated, 2, actor="user:ann")
    (row_id,) = add_photos(curated, 1, [new_photo(9)], actor="user:ann").row_ids
    assert row_id > 2


def told(store, class_id=1):
    with store.reading() as session:
        return dict(session.get(CoinRow, class_id).told)


def test_facts_come_change_and_go_by_an_edit_and_the_log_says_so(curated):
    facts = {"title": "The old mark", "weight": "7,5 g", "links": "https://a.example/1"}
    assert edit_coin(curated, 1, revision=1, actor="user:bob", facts=facts) == 2
    assert told(curated) == {"title": "The old mark", "weight": 7.5, "links": ("https://a.example/1",)}
    assert coin(curated)[1] == "The old mark"
    assert edit_coin(curated, 1, revision=2, actor="user:bob", facts={"title": " ", "weight": 7.5, "metal": "tin"}) == 3
    assert told(curated) == {"weight": 7.5, "metal": "tin", "links": ("https://a.example/1",)}
    assert coin(curated)[1] == "Utopia 1 mark"
    with curated.reading() as session:
        newest = audit_entries(session, subject="coin:1")[0]
        assert session.get(CoinRow, 1).record.facts == told(curated)
    assert newest.detail["changes"] == {
        "name": ["The old mark", "Utopia 1 mark"],
        "title": ["The old mark", ""],
        "metal": ["", "tin"],
    }


def test_facts_are_those_of_the_coin_whatever_the_side(curated):
    reverse = CoinClass("Utopia", "mark", "1", "", "reverse")
    other = CoinClass("Utopia", "mark", "2", "", "reverse")
    edit_coin(curated, 1, revision=1, actor="user:ann", facts={"metal": "tin"})
    assert add_coin(curated, reverse, actor="user:ann")[0] == 2 and add_coin(curated, other, actor="user:ann")[0] == 3
    assert (told(curated, 2), told(curated, 3)) == ({"metal": "tin"}, {})
    edit_coin(curated, 2, revision=1, actor="user:ann", facts={"metal": "silver", "title": "A mark"})
    assert told(curated) == told(curated, 2) == {"title": "A mark", "metal": "silver"}
    assert coin(curated, 1)[:2] == (3, "A mark") and told(curated, 3) == {}
    with pytest.raises(StaleChange, match="metal from 'tin' to 'silver'"):
        edit_coin(curated, 1, revision=2, actor="user:bob", facts={"metal": "gold"})


def test_a_side_that_comes_to_a_coin_brings_its_facts_and_takes_those_that_are_there(curated):
    reverse = CoinClass("Utopia", "mark", "1", "", "reverse")
    add_coin(
        curated, CoinClass("Utopia", "mark", "2", "", "reverse"), actor="u", facts={"metal": "tin", "edge": "plain"}
    )
    edit_coin(curated, 1, revision=1, actor="u", facts={"metal": "silver", "weight": 3})
    edit_coin(curated, 2, revision=2, actor="u", label=reverse)
    assert told(curated, 1) == told(curated, 2) == {"metal": "silver", "weight": 3.0, "edge": "plain"}


def test_a_side_that_is_brought_back_has_the_facts_of_its_coin(curated):
    add_coin(curated, CoinClass("Utopia", "mark", "1", "", "reverse"), actor="u", facts={"metal": "tin"})
    retire_coin(curated, 2, actor="u")
    edit_coin(curated, 1, revision=2, actor="u", facts={"metal": "silver", "title": "The mark"})
    restore_coin(curated, 2, actor="u")
    assert told(curated, 2) == told(curated, 1) and coin(curated, 2)[1] == "The mark"


def test_an_edit_that_says_no_facts_leaves_them(curated):
    edit_coin(curated, 1, revision=1, actor="user:ann", facts={"metal": "tin"})
    edit_coin(curated, 1, revision=2, actor="user:ann", design="oak")
    assert told(curated) == {"metal": "tin"}


def test_a_fact_that_is_none_is_refused_and_nothing_is_written(curated):
    with pytest.raises(StoreError, match=r"weight must be a number of g.*; colour is no fact"):
        edit_coin(curated, 1, revision=1, actor="user:ann", design="oak", facts={"weight": "x", "colour": "red"})
    with pytest.raises(StoreError, match="links has"):
        add_coin(curated, CoinClass("Utopia", "mark", "3", "", "obverse"), actor="u", facts={"links": "x"})
    assert coin(curated) == (1, "Utopia 1 mark", "", False) and told(curated) == {}
    with curated.reading() as session:
        assert session.get(CoinRow, 2) is None

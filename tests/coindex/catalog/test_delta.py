"""Deltas: from one state to another, or an error that says why not."""

import contextlib
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.catalog import delta as deltas
from coindex.catalog.delta import Delta, apply_delta, delta_between, join_deltas, read_delta, write_delta
from coindex.catalog.packing import frame, pack_ascending
from coindex.catalog.sections import pack_rows, section
from coindex.catalog.state import CatalogState, CoinRecord, Rows, merge_rows, records_bytes, state_hash
from coindex.errors import CatalogError, SpaceMismatch

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"
SPACE = "00112233aabbccdd"


def record(class_id, name="mark"):
    return CoinRecord(class_id, "Utopia", "mark", str(class_id), "", "obverse", name, "")


def rows(classes, *, salt=0):
    """Rows by id of these classes, with codes that anyone can compute."""
    codes = [[(37 * row + 11 * place + salt) % 255 - 127 for place in range(64)] for row in classes]
    return Rows.of(classes.keys(), classes.values(), np.array(codes).reshape(-1, 64))


def state(classes, *, salt=0, names=None):
    names = {} if names is None else names
    return CatalogState(
        SPACE, rows(classes, salt=salt), {key: record(key, names.get(key, "mark")) for key in set(classes.values())}
    )


OLD = state({1: 5, 2: 5, 3: 6, 4: 7})
NEW = CatalogState(
    SPACE,
    merge_rows([rows({1: 5, 3: 8, 9: 8}), rows({4: 7}, salt=1)]),
    {5: record(5, "crown"), 7: record(7), 8: record(8)},
)
"""Row 2 went, row 9 came, row 3 has another class, row 4 another code; class 6 went, 8 came, 5 has another name."""


def test_a_delta_holds_what_changed_and_nothing_else():
    delta = delta_between(OLD, NEW)
    assert (delta.from_hash, delta.to_hash) == (state_hash(OLD), state_hash(NEW))
    assert delta.removed.tolist() == [2, 3, 4]
    assert delta.added.row_ids.tolist() == [3, 4, 9] and delta.added.class_ids.tolist() == [8, 7, 8]
    assert delta.dropped == (6,)
    assert delta.records == {5: record(5, "crown"), 8: record(8)}


def test_a_delta_leads_to_the_new_state_and_leaves_the_old_one_alone():
    before = state_hash(OLD)
    assert state_hash(apply_delta(OLD, read_delta(write_delta(delta_between(OLD, NEW))))) == state_hash(NEW)
    assert state_hash(OLD) == before


def test_a_delta_applied_twice_changes_nothing():
    delta = delta_between(OLD, NEW)
    after = apply_delta(OLD, delta)
    with pytest.raises(CatalogError, match="starts from state"):
        apply_delta(after, delta)
    assert state_hash(after) == state_hash(NEW)


def test_deltas_in_another_order_are_refused():
    between = state({1: 5, 2: 5})
    first, second = delta_between(OLD, between), delta_between(between, NEW)
    with pytest.raises(CatalogError, match="starts from state"):
        apply_delta(OLD, second)
    assert state_hash(apply_delta(apply_delta(OLD, first), second)) == state_hash(NEW)


def test_no_delta_leads_to_another_space():
    with pytest.raises(SpaceMismatch):
        delta_between(OLD, CatalogState("f" * 16, OLD.rows, OLD.records))


CATALOGUES = st.dictionaries(
    st.integers(1, 8), st.tuples(st.integers(1, 4), st.integers(0, 1), st.sampled_from(("mark", "crown"))), min_size=1
)
"""Of a few rows the class, the code and the name that the class then has."""


def drawn(catalogue):
    parts = [rows({row: class_id}, salt=salt) for row, (class_id, salt, _) in catalogue.items()]
    return CatalogState(
        SPACE, merge_rows(parts), {class_id: record(class_id, name) for class_id, _, name in catalogue.values()}
    )


@given(st.tuples(CATALOGUES, CATALOGUES, CATALOGUES))
@settings(max_examples=500, deadline=None)
def test_deltas_that_are_joined_are_the_delta_from_the_first_state_to_the_last(catalogues):
    one, two, three = map(drawn, catalogues)
    joined = join_deltas(delta_between(one, two), delta_between(two, three))
    if joined is not None:
        assert write_delta(joined) == write_delta(delta_between(one, three))


def test_deltas_that_change_other_rows_and_records_are_joined_and_others_not():
    one = state({1: 5, 2: 5, 3: 6})
    two = state({1: 5, 2: 5, 3: 6, 4: 7})
    three = state({2: 5, 3: 6, 4: 7}, names={6: "crown"})
    assert join_deltas(delta_between(one, two), delta_between(two, three)) is not None
    # Row 1 went and came back, class 6 has its name again: neither changed at last, and no delta tells so.
    assert join_deltas(delta_between(two, three), delta_between(three, two)) is None
    gone = state({1: 5, 2: 5})
    renamed = state({1: 5, 2: 5, 3: 6}, names={5: "crown"})
    assert join_deltas(delta_between(one, gone), delta_between(gone, one)) is None
    assert join_deltas(delta_between(one, renamed), delta_between(renamed, one)) is None


def test_deltas_that_do_not_follow_each_other_are_not_joined():
    delta = delta_between(OLD, NEW)
    with pytest.raises(CatalogError, match="starts from state"):
        join_deltas(delta, delta)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"removed": np.array([2, 3, 4, 99], np.uint32)}, "removes row 99, which does not exist"),
        ({"removed": np.array([2, 4], np.uint32)}, "ascend without repeats"),
        ({"added": rows({3: 8, 4: 7})}, "leads to state"),
        ({"added": rows({3: 8, 4: 77, 9: 8})}, "class 77"),
        ({"dropped": (6, 99)}, "drops the record of class 99"),
        ({"records": {}}, "no coin record"),
        ({"to_hash": "0" * 64}, "leads to state"),
    ],
)
def test_a_delta_that_does_not_fit_is_refused(changes, told):
    with pytest.raises(CatalogError, match=told):
        apply_delta(OLD, replace(delta_between(OLD, NEW), **changes))


@pytest.mark.parametrize(
    "changes",
    [{"removed": np.array([4, 2], np.uint32)}, {"dropped": (6, 6)}, {"dropped": (5, 6)}],
    ids=["descending", "repeated", "dropped and given"],
)
def test_a_delta_that_contradicts_itself_is_refused(changes):
    with pytest.raises(CatalogError):
        replace(delta_between(OLD, NEW), **changes)


def test_the_format_of_version_1_is_read_from_now_on_and_still_written():
    golden = (GOLDEN / "delta-1.coindelta").read_bytes()
    assert state_hash(apply_delta(OLD, read_delta(golden))) == state_hash(NEW)
    assert write_delta(delta_between(OLD, NEW)) == golden


FACTS = {"title": "One mark of Utopia", "weight": 7.5, "links": ("https://example.org/1",)}
"""As in the golden file: class 5 gets facts, class 6 has other ones, class 7 loses its own."""


def with_facts(state, facts):
    records = {key: replace(each, facts=facts.get(key, {})) for key, each in state.records.items()}
    return CatalogState(state.space_id, state.rows, records)


def test_a_delta_carries_facts_that_come_change_and_go_and_its_golden_file_is_read_from_now_on():
    old = with_facts(OLD, {6: {"metal": "tin"}, 7: FACTS})
    new = with_facts(OLD, {5: FACTS, 6: {"metal": "silver", "weight": 3.0}})
    delta = delta_between(old, new)
    assert (len(delta.removed), len(delta.added), sorted(delta.records)) == (0, 0, [5, 6, 7])
    golden = (GOLDEN / "delta-1-facts.coindelta").read_bytes()
    assert state_hash(apply_delta(old, read_delta(golden))) == state_hash(new)
    assert write_delta(delta) == golden


def test_two_hundred_rows_of_twenty_thousand_and_as_many_gone_are_under_14_kilobytes():
    random = np.random.default_rng(0)
    # A code at scale 254: 64 numbers of a normal deviation of 254 / 8, about 7 bits each.
    codes = np.clip(np.rint(random.normal(0, 254 / 8, (200, 64))), -127, 127).astype(np.int8)
    gone = np.sort(random.choice(20_000, 200, replace=False)).astype(np.uint32)
    classes = np.repeat(np.arange(7001, 7068), 3)[:200]
    records = {int(key): replace(record(int(key)), country=f"Country {key % 90}") for key in classes}
    delta = Delta("0" * 64, "1" * 64, gone, Rows.of(range(20_001, 20_201), classes, codes), (), records)
    assert len(write_delta(delta)) <= 14_000


@pytest.mark.parametrize("length", [0, 7, 51, 52, 100, -1])
def test_a_truncated_delta_is_told_as_damage(length):
    with pytest.raises(CatalogError, match=r"d\.coindelta.*again"):
        read_delta(write_delta(delta_between(OLD, NEW))[:length], name="d.coindelta")


def test_a_newer_format_is_told_as_newer(monkeypatch):
    monkeypatch.setattr(deltas, "FORMAT_VERSION", 2)
    newer = write_delta(delta_between(OLD, NEW))
    monkeypatch.undo()
    with pytest.raises(CatalogError, match=r"format 2.*update coindex"):
        read_delta(newer)


def sealed(*, counts=(1, 1, 1, 2), removed=(2,), added=None, dropped=(6,), records=b"[]", after=b""):
    """A file whose checksum is right, whatever it holds."""
    payload = (
        bytes(64)
        + struct.pack("<4I", *counts)
        + section(pack_ascending(np.array(removed, np.uint32)))
        + (pack_rows(rows({9: 8})) if added is None else added)
        + section(pack_ascending(np.array(dropped, np.uint32)))
        + section(records)
        + after
    )
    return frame(b"COINDELT", 1, payload)


def test_a_sealed_delta_is_read():
    assert read_delta(sealed()).removed.tolist() == [2]


@pytest.mark.parametrize(
    "parts",
    [
        {"counts": (2, 1, 1, 2)},
        {"counts": (2**32 - 1, 1, 1, 2)},
        {"counts": (1, 2**32 - 1, 1, 2)},
        {"counts": (1, 1, 0, 2)},
        {"counts": (1, 1, 1, 3)},
        {"counts": (1, 1, 1, 2**32 - 1), "records": zlib.compress(bytes(10_000))},
        {"counts": (1, 1, 1, 20_000), "records": zlib.compress(bytes(10_000))},
        {"counts": (1, 1, 1, 20), "records": zlib.compress(bytes(10_000))},
        {"records": b"{}"},
        {"counts": (1, 1, 1, len(records_bytes([record(6)]))), "records": records_bytes([record(6)])},
        {"added": b"\xff\xff\xff\xff"},
        {"after": b"\0"},
    ],
)
def test_a_sealed_delta_with_senseless_contents_is_refused(parts):
    with pytest.raises(CatalogError, match="delta: "):
        read_delta(sealed(**parts))


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_whatever_bytes_a_sealed_delta_holds_it_is_read_or_refused(data):
    payload = bytearray(sealed()[52:])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(64, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CatalogError):
        read_delta(frame(b"COINDELT", 1, bytes(payload)))

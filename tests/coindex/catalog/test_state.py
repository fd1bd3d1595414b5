"""The catalogue's state and its hash."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coindex.catalog.document import canonical
from coindex.catalog.state import (
    MAX_ID,
    MAX_RECORD_BYTES,
    CatalogState,
    CoinRecord,
    Rows,
    merge_rows,
    parse_records,
    records_bytes,
    state_hash,
    written_records,
)
from coindex.errors import CatalogError
from coindex.facts import MAX_LINKS, TEXTS, clean_facts

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"
CENT = CoinRecord(7, "Utopia", "mark", "1", "", "obverse", "Utopia 1 mark", "")
MARK = CoinRecord(9, "Utopia", "mark", "2", "", "reverse", "Utopia 2 mark", "tree")


def rows(*ids, codes=None):
    return Rows.of(ids, [7] * len(ids), np.zeros((len(ids), 64)) if codes is None else codes)


def test_state_hash_is_space_then_rows_then_records():
    codes = np.zeros((2, 64), np.int8)
    codes[0, 0], codes[1, 63] = -1, 127
    state = CatalogState("00112233aabbccdd", Rows.of([258, 3], [9, 7], codes), {7: CENT, 9: MARK})
    by_hand = (
        b"00112233aabbccdd"
        + b"\x03\x00\x00\x00\x07\x00\x00\x00" + b"\x00" * 63 + b"\x7f"
        + b"\x02\x01\x00\x00\x09\x00\x00\x00" + b"\xff" + b"\x00" * 63
        + b'[{"class_id":7,"country":"Utopia","currency":"mark","denomination":"1","design":"","name":"Utopia 1 mark",'
        b'"side":"obverse","variant":""},'
        b'{"class_id":9,"country":"Utopia","currency":"mark","denomination":"2","design":"tree","name":"Utopia 2 mark",'
        b'"side":"reverse","variant":""}]'
    )  # fmt: skip
    assert state_hash(state) == hashlib.sha256(by_hand).hexdigest()


def test_state_hash_does_not_depend_on_the_order_in_which_rows_and_records_came():
    codes = np.arange(128).reshape(2, 64).astype(np.int8)
    one = CatalogState("s", Rows.of([1, 2], [7, 9], codes), {7: CENT, 9: MARK})
    other = CatalogState("s", Rows.of([2, 1], [9, 7], codes[::-1]), {9: MARK, 7: CENT})
    assert state_hash(one) == state_hash(other)


@pytest.mark.parametrize("changed", ["space", "row", "class", "code", "record"])
def test_state_hash_depends_on_every_part(changed):
    base = state_hash(CatalogState("s", rows(1), {7: CENT, 9: MARK}))
    code = np.zeros((1, 64), np.int8)
    code[0, 5] = 1
    other = {
        "space": CatalogState("t", rows(1), {7: CENT, 9: MARK}),
        "row": CatalogState("s", rows(2), {7: CENT, 9: MARK}),
        "class": CatalogState("s", Rows.of([1], [9], np.zeros((1, 64))), {7: CENT, 9: MARK}),
        "code": CatalogState("s", rows(1, codes=code), {7: CENT, 9: MARK}),
        "record": CatalogState("s", rows(1), {7: CENT}),
    }[changed]
    assert state_hash(other) != base


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 2**32 - 1), unique=True, max_size=20), st.integers(0, 2**32 - 1))
def test_packed_rows_unpack_to_the_same_rows(ids, seed):
    codes = np.random.default_rng(seed).integers(-127, 128, (len(ids), 64)).astype(np.int8)
    before = Rows.of(ids, ids, codes)
    after = Rows.unpack(before.packed())
    assert after.row_ids.tolist() == sorted(ids)
    assert (after.codes == before.codes).all() and (after.class_ids == before.class_ids).all()


def test_rows_refuse_repeated_ids_other_widths_and_codes_beyond_127():
    with pytest.raises(CatalogError, match="ascend"):
        rows(1, 1)
    with pytest.raises(CatalogError, match="int8"):
        Rows(np.zeros(1, np.uint32), np.zeros(1, np.uint32), np.zeros((1, 63), np.int8))
    with pytest.raises(CatalogError, match="-128"):
        rows(1, codes=np.full((1, 64), -128, np.int8))
    with pytest.raises(CatalogError, match="72"):
        Rows.unpack(b"\0" * 71)


def test_a_row_whose_class_has_no_record_is_refused():
    with pytest.raises(CatalogError, match="class 7"):
        CatalogState("s", rows(1), {9: MARK})
    with pytest.raises(CatalogError, match="class 9"):
        CatalogState("s", rows(), {7: MARK})


def test_merged_rows_are_in_order_less_those_left_out():
    merged = merge_rows([rows(5, 2), rows(), rows(4, 1)], without=[2, 99])
    assert merged.row_ids.tolist() == [1, 4, 5]
    assert len(merge_rows([])) == 0
    with pytest.raises(CatalogError):
        merge_rows([rows(1), rows(1)])


def test_records_are_read_back_and_only_in_canonical_form():
    data = records_bytes([MARK, CENT])
    assert parse_records(data) == {7: CENT, 9: MARK}
    for wrong in (
        data.replace(b",", b", "),
        b"[" + data[1:-1] + b"," + data[1:],
        data.replace(b"obverse", b"edge"),
        data.replace(b'"class_id":7', b'"class_id":0'),
        b"{}",
        b"[",
    ):
        with pytest.raises(CatalogError, match=r"records\.json"):
            parse_records(wrong)


FACTS = {
    "title": "Utopia's first mark",
    "years": "1921–1923",
    "weight": 7.0,
    "diameter": 24.25,
    "text": 'Struck for "the bridge".',
    "links": ("https://example.org/coins/1", "https://example.org/é?a=b#c"),
    "rarity": "a fact that came later",
}


def test_golden_records_with_facts_are_read_from_now_on_and_still_written():
    golden = (GOLDEN / "records-5.json").read_bytes()
    assert parse_records(golden) == {7: replace(CENT, facts=FACTS), 9: MARK}
    assert records_bytes(parse_records(golden).values()) == golden


CASES = json.loads((GOLDEN / "facts.json").read_text())


@pytest.mark.parametrize("facts", CASES["wrong"], ids=str)
def test_a_record_with_facts_that_none_can_have_is_refused(facts):
    document = json.loads(records_bytes([CENT]))
    document[0]["facts"] = facts
    with pytest.raises(CatalogError, match="fact"):
        parse_records(canonical(document))


@pytest.mark.parametrize("facts", CASES["right"], ids=str)
def test_a_record_with_facts_that_are_right_is_read_and_written_back(facts):
    document = json.loads(records_bytes([CENT]))
    document[0]["facts"] = facts
    data = canonical(document)
    assert records_bytes(parse_records(data).values()) == data


def test_the_longest_record_has_fewer_bytes_than_are_read_for_one():
    long = "\u4e00" * 200
    facts = clean_facts({name: "\u4e00" * most for name, most in TEXTS.items()} | {"weight": 99_999.999})
    links = tuple(f"https://example.org/{number}{chr(0x10000) * 150}" for number in range(MAX_LINKS))
    record = CoinRecord(MAX_ID, long, long, long, long, "obverse", long, long, {**facts, "links": links})
    assert len(records_bytes([record])) < MAX_RECORD_BYTES


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"weight": 5.0, "diameter": 23.125, "years": "1901 – 1913"},
        {"weight": 1e-5},
        {"later": 1e21},
        {"later": -0.0},
        {"later": 123456789012345680.0},
        {"later": 0.0001, "other": -2.5},
        {
            "text": 'quote " and \\ and \n, \u2028 and \x7f and \U0001f600',
            "links": ("https://a.example/", "https://b.example/"),
        },
    ],
)
def test_a_record_is_written_as_canonical_json_has_it(facts):
    record = CoinRecord(7, "Utopia", "mark", "1/2", "", "obverse", "Ütopia\t½", "", facts)
    assert record.written == canonical(record.document())


def test_a_record_with_half_a_character_is_refused_as_canonical_json_refuses_it():
    data = records_bytes([CoinRecord(1, "Utopia", "mark", "1", "", "obverse", "a", "")]).replace(b'"a"', b'"\\ud800"')
    with pytest.raises(CatalogError):
        parse_records(data)


def test_the_entries_of_a_file_are_what_was_written_of_each_record():
    records = [
        CoinRecord(number, "Utopia", "mark", '{"class_id":', "", side, "a", "", {"weight": 1.5})
        for number, side in enumerate(("obverse", "reverse"), start=1)
    ]
    assert written_records(records_bytes(records)) == [record.written for record in records]

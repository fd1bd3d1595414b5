"""Facts of a coin: as people write them, as records hold them, and the title that is shown."""

import json
from pathlib import Path

import pytest

from coindex.facts import FACTS, KINDS, MAX_LINKS, TEXTS, clean_facts, written_facts
from coindex.manifest import CoinClass, shown_title

CASES = json.loads((Path(__file__).parents[1] / "golden" / "catalog" / "facts.json").read_text())


@pytest.mark.parametrize("case", CASES["titles"], ids=lambda case: case["title"])
def test_a_title_is_the_coins_own_or_composed_without_repeating_itself(case):
    label = CoinClass(case["country"], case["currency"], case["denomination"], case["variant"], "obverse")
    assert shown_title(label, case.get("facts", {})) == case["title"]


def test_every_fact_has_one_kind():
    assert sorted(KINDS) == sorted(FACTS)


def test_facts_are_brought_into_one_form_and_blank_ones_left_out():
    given = {
        "title": "  The bridge ",
        "years": "",
        "mint": None,
        "weight": "7,50 g",
        "diameter": 24,
        "text": "Two\r\nlines",
        "links": "https://example.org/1  https://example.org/1\nhttps://example.org/2",
    }
    assert clean_facts(given) == {
        "title": "The bridge",
        "weight": 7.5,
        "diameter": 24.0,
        "text": "Two lines",
        "links": ("https://example.org/1", "https://example.org/2"),
    }


def test_a_fact_that_is_written_out_is_read_back():
    facts = clean_facts({"weight": 0.125, "diameter": 30.0, "links": ["https://a.example/", "https://b.example/"]})
    assert written_facts(facts) == {
        "weight": "0.125",
        "diameter": "30",
        "links": "https://a.example/ https://b.example/",
    }
    assert clean_facts(written_facts(facts)) == facts


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"weight": "heavy"}, "weight must be a number of g"),
        ({"weight": "7.5 kg"}, "weight must be a number of g"),
        ({"weight": 0}, "weight must"),
        ({"weight": 0.0001}, "weight must"),
        ({"weight": True}, "weight must"),
        ({"weight": float("nan")}, "weight must"),
        ({"weight": 10**400}, "weight must"),
        ({"diameter": "-3"}, "diameter must be a number of mm"),
        ({"diameter": 100_000}, "diameter must"),
        ({"title": 5}, "title must be text"),
        ({"title": "x" * 201}, "title has 201 characters; 200 are the most"),
        ({"text": "x" * (TEXTS["text"] + 1)}, "text has 2001 characters"),
        ({"mint": "a\u202eb"}, "mint holds an invisible character"),
        ({"links": "http://example.org"}, "links has 'http://example.org', which is no address"),
        ({"links": "javascript:alert(1)"}, "no address"),
        ({"links": ["https://"]}, "no address"),
        ({"links": [5]}, "links must be a list of addresses"),
        ({"links": [f"https://example.org/{n}" for n in range(MAX_LINKS + 1)]}, "9 addresses; 8 are the most"),
        ({"colour": "red"}, "colour is no fact of a coin; there are title, years"),
    ],
)
def test_a_wrong_fact_is_refused_by_its_name(given, told):
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        clean_facts(given)


def test_every_wrong_fact_is_told_at_once():
    with pytest.raises(ValueError, match=r"weight must .*; links has"):
        clean_facts({"weight": "x", "links": "x", "mint": "Kremnica"})

"""Names that are nearly equal."""

import pytest

from catalog_server.curation.near_names import near_label, near_label_warning
from coindex.manifest import CoinClass

COIN = CoinClass("Portugal", "Escudo", "5", "early", "obverse")


def coin(**fields):
    return CoinClass(**{**vars(COIN), **fields})


@pytest.mark.parametrize(
    "other",
    [
        coin(country="portugal"),
        coin(country="PORTUGAL"),
        coin(country="Portugál"),
        coin(currency="Escudos"),
        coin(currency="esc udo"),
        coin(denomination="5.0"),
        coin(denomination="5,00"),
        coin(denomination=" 5"),
        coin(variant="Early."),
        coin(variant="ear-ly"),
    ],
    ids=str,
)
def test_what_people_write_in_two_ways_is_near(other):
    assert near_label(other, [COIN]) == COIN
    assert near_label(COIN, [other]) == other


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("50", "5"),
        ("0.5", "5"),
        ("0.5", "0.05"),
        ("1.5", "15"),
        ("10", "1.0"),
        ("½", "12"),
        ("1/2", "12"),
        ("100", "1"),
    ],
)
def test_other_numbers_are_other_coins(one, two):
    assert near_label(coin(denomination=one), [coin(denomination=two)]) is None


@pytest.mark.parametrize(
    ("one", "two"), [("0.50", "0.5"), ("0,5", "0.5"), ("2.50", "2,5"), ("Reales", "Real"), ("½", "1/2"), ("5c", "5 c")]
)
def test_one_number_or_word_in_two_ways_is_one(one, two):
    assert near_label(coin(denomination=one), [coin(denomination=two)]) is not None


def test_other_sides_countries_and_variants_are_other_classes():
    others = [
        coin(side="reverse"),
        coin(country="Angola"),
        coin(variant="late"),
        coin(variant=""),
        coin(currency="Euro"),
    ]
    assert near_label(COIN, others) is None


def test_a_label_is_not_near_to_itself_and_an_exact_one_is_no_warning():
    assert near_label(COIN, [COIN]) is None
    assert near_label_warning(COIN, {COIN: 1, coin(currency="Escudos"): 2}) is None


def test_a_warning_offers_the_class_that_is_there():
    told = near_label_warning(coin(currency="Escudos"), {coin(country="Spain"): 3, COIN: 7})
    assert told is not None
    assert "class 7 is nearly the same, Portugal 5 Escudo early, obverse" in told
    assert "currency 'Escudo' and not 'Escudos'; is it the same?" in told

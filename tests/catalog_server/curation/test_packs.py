"""Packs: where each coin is, who put it there, and what is refused."""

import pytest

from catalog_server.curation.coins import add_coin, edit_coin
from catalog_server.curation.packs import (
    clear_packs,
    list_packs,
    packs_by_country,
    parted,
    put_in_pack,
    remove_pack,
    set_pack,
    take_out_of_packs,
)
from catalog_server.store.audit import audit_entries
from coindex.errors import StoreError
from coindex.manifest import CoinClass


@pytest.fixture
def coins(any_store):
    """Six classes of three countries, by their ids: two sides of one coin of Peru among them."""
    made = [
        ("Peru", "1", "obverse"), ("Peru", "1", "reverse"), ("Peru", "2", "obverse"), ("Chile", "1", "obverse"),
        ("Côte d'Ivoire", "1", "obverse"), ("Chile", "2", "obverse"),
    ]  # fmt: skip
    for country, denomination, side in made:
        add_coin(any_store, CoinClass(country, "peso", denomination, "", side), actor="test")
    return any_store


def where(store):
    with store.reading() as session:
        return parted(session, range(1, 7))


def test_without_packs_the_catalogue_is_whole(coins):
    assert where(coins) == {} and list_packs(coins) == ()


def test_a_country_brings_its_coins_and_what_is_in_no_pack_is_in_the_rest(coins):
    set_pack(coins, "andes", {"en": "Andes", "de": "Anden"}, actor="test")
    put_in_pack(coins, "andes", countries=["Peru"], actor="test")
    assert where(coins) == {"andes": {1, 2, 3}, "other": {4, 5, 6}}
    add_coin(coins, CoinClass("Peru", "peso", "9", "", "obverse"), actor="test")
    with coins.reading() as session:
        assert parted(session, [7]) == {"andes": {7}}
    pack, rest = list_packs(coins)
    assert (pack.names, pack.countries, pack.classes, pack.chosen) == ({"en": "Andes", "de": "Anden"}, ("Peru",), 4, 0)
    assert (rest.pack_id, rest.classes) == ("other", 3)


def test_a_coin_may_be_put_elsewhere_than_its_country_with_all_its_sides(coins):
    for pack_id in ("andes", "rare"):
        set_pack(coins, pack_id, {"en": pack_id}, actor="test")
    put_in_pack(coins, "andes", countries=["Peru", "Chile"], actor="test")
    assert put_in_pack(coins, "rare", coins=[1], actor="test") == 2
    assert where(coins) == {"andes": {3, 4, 6}, "rare": {1, 2}, "other": {5}}
    assert take_out_of_packs(coins, coins=[2], actor="test") == 2
    assert where(coins)["andes"] == {1, 2, 3, 4, 6}


def test_a_side_that_is_added_later_is_where_the_others_are(coins):
    set_pack(coins, "rare", {"en": "Rare"}, actor="test")
    put_in_pack(coins, "rare", coins=[3], actor="test")
    add_coin(coins, CoinClass("Peru", "peso", "2", "", "reverse"), actor="test")
    with coins.reading() as session:
        assert parted(session, [3, 7]) == {"rare": {3, 7}}
    edit_coin(coins, 4, revision=1, actor="test", label=CoinClass("Peru", "peso", "2", "", "unknown"))
    assert where(coins)["rare"] == {3, 4}


def test_a_pack_for_each_country_is_made_once(coins):
    assert packs_by_country(coins, actor="test") == ("chile", "cote_d_ivoire", "peru")
    assert packs_by_country(coins, actor="test") == ()
    assert where(coins) == {"chile": {4, 6}, "cote_d_ivoire": {5}, "peru": {1, 2, 3}}
    assert [pack.names for pack in list_packs(coins)][1] == {"en": "Côte d'Ivoire"}


def test_what_a_pack_held_goes_to_the_country_or_the_rest_when_it_is_removed(coins):
    packs_by_country(coins, actor="test")
    set_pack(coins, "rare", {"en": "Rare"}, actor="test")
    put_in_pack(coins, "rare", coins=[5], countries=["Chile"], actor="test")
    remove_pack(coins, "rare", actor="test")
    assert where(coins) == {"cote_d_ivoire": {5}, "peru": {1, 2, 3}, "other": {4, 6}}
    assert clear_packs(coins, actor="test") == 3
    assert where(coins) == {}


@pytest.mark.parametrize("pack_id", ["", "Asia", "a-b", "other", "all", "1st", "x" * 33])
def test_an_id_that_no_file_could_have_is_refused(coins, pack_id):
    with pytest.raises(StoreError, match="an id has small letters"):
        set_pack(coins, pack_id, {"en": "Asia"}, actor="test")


@pytest.mark.parametrize("names", [{}, {"en": " "}, {"English": "Asia"}, {"en": "A\nB"}, {"en": "x" * 201}])
def test_a_name_that_cannot_be_shown_is_refused(coins, names):
    with pytest.raises(StoreError, match=r"name|language"):
        set_pack(coins, "asia", names, actor="test")
    assert list_packs(coins) == ()


def test_what_is_not_there_cannot_be_put_and_then_nothing_is(coins):
    set_pack(coins, "andes", {"en": "Andes"}, actor="test")
    with pytest.raises(StoreError, match="no pack 'alps'"):
        put_in_pack(coins, "alps", countries=["Peru"], actor="test")
    with pytest.raises(StoreError, match="no coin is of the country 'Perú'; there are: Chile"):
        put_in_pack(coins, "andes", countries=["Peru", "Perú"], actor="test")
    with pytest.raises(StoreError, match="no class 99"):
        put_in_pack(coins, "andes", countries=["Peru"], coins=[99], actor="test")
    assert where(coins) == {"other": {1, 2, 3, 4, 5, 6}}


def test_every_change_is_in_the_log_and_a_change_that_is_none_is_not(coins):
    set_pack(coins, "andes", {"en": "Andes"}, actor="user:ann")
    set_pack(coins, "andes", {"en": "Andes"}, actor="user:ann")
    put_in_pack(coins, "andes", countries=["Peru"], coins=[5], actor="user:ann")
    put_in_pack(coins, "andes", countries=["Peru"], coins=[5], actor="user:ann")
    remove_pack(coins, "andes", actor="user:ann")
    with coins.reading() as session:
        log = [(entry.action, entry.subject) for entry in audit_entries(session, actor="user:ann")]
    assert log == [
        ("pack.remove", "pack:andes"), ("coin.pack", "coin:5"), ("pack.countries", "pack:andes"),
        ("pack.set", "pack:andes"),
    ]  # fmt: skip

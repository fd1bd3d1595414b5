"""A release in packs as its `release.json` describes it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from coindex.catalog.packs import PackEntry, SplitRelease, joined_manifest, parse_release
from coindex.catalog.release import (
    MANIFEST_FILE,
    RELEASE_FILE,
    ReleaseManifest,
    ReleaseRelief,
    ReliefPackName,
    in_pack,
    parse_manifest,
    thumbnail_pack,
)
from coindex.errors import CatalogError

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"
MODELS = ("models.json", "segmenter.tflite", "embedder.tflite")
ASIA = PackEntry(
    pack_id="asia",
    names={"en": "Asia", "de": "Asien", "pl": "Azja"},
    countries=("Japan", "South Korea"),
    manifest="release.asia.json",
    rows=12,
    classes=5,
    bytes=4_000_000,
    state_hash="ab" * 32,
)
OTHER = PackEntry(
    pack_id="other",
    names={"en": "Other"},
    countries=("Côte d'Ivoire",),
    manifest="release.other.json",
    rows=3,
    classes=1,
    bytes=70_000,
    state_hash="cd" * 32,
)
RELEASE = SplitRelease(
    version=7,
    created="2026-01-31T23:59:59Z",
    space_id="00112233aabbccdd",
    models=MODELS,
    rows=15,
    classes=6,
    state_hash="ef" * 32,
    packs=(ASIA, OTHER),
)
PACK = ReleaseManifest(
    version=7,
    created="2026-01-31T23:59:59Z",
    space_id="00112233aabbccdd",
    code_scale=254.0,
    open_set=None,
    models=MODELS,
    shards=("shard-0123456789ab.coinshard",),
    fresh="fresh.asia.coinfresh",
    records="records.asia.json",
    thumbnails=("thumbnails-1-9.asia.zip", "thumbnails-10-12.asia.zip"),
    deltas=(),
    state_hash="ab" * 32,
    rows=12,
    classes=5,
    ef=100,
    validation=None,
    relief=ReleaseRelief("0123456789abcdef", (ReliefPackName("relief-0123456789abcdef-1-12.asia.coinrelief", 8),)),
)


def changed(**fields):
    return json.dumps({**json.loads(RELEASE.to_bytes()), **fields}).encode()


def entry(**fields):
    return changed(packs=[{**ASIA.document(), **fields}, OTHER.document()])


def test_golden_documents_of_format_6_are_read_from_now_on_and_still_written():
    for name, read, expected in (("packs-6.json", parse_release, RELEASE), ("packs-6-asia.json", parse_manifest, PACK)):
        golden = (GOLDEN / name).read_bytes()
        assert read(golden) == expected
        assert expected.to_bytes() == golden
    assert json.loads((GOLDEN / "packs-6.json").read_bytes())["format"] == 6
    assert json.loads((GOLDEN / "packs-6-asia.json").read_bytes())["format"] == 4


def test_a_release_that_is_not_in_packs_is_read_as_it_always_was():
    assert parse_release(PACK.to_bytes()) == PACK


def test_a_pack_is_no_release_in_packs():
    with pytest.raises(CatalogError, match="is a release in packs, expected a single catalogue"):
        parse_manifest(RELEASE.to_bytes())


def test_a_newer_format_asks_for_an_update():
    with pytest.raises(CatalogError, match="format 7, this coindex reads 6; update coindex"):
        parse_release(changed(format=7))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (changed(packs=[]), "0 packs"),
        (changed(packs=[ASIA.document(), ASIA.document()], rows=24, classes=10), "a pack twice"),
        (entry(manifest="release.other.json"), "a pack twice"),
        (entry(rows=11), "it states 15 and 6"),
        (entry(classes=6), "it states 15 and 6"),
        (entry(names={}), "no name"),
        (entry(names={"English": "Asia"}), "names.English"),
        (entry(names={"en": " "}), "names.en"),
        (entry(names={"en": "x" * 201}), "names.en"),
        (entry(pack_id="Asia"), "pack_id"),
        (entry(pack_id="../asia"), "pack_id"),
        (entry(manifest="../release.json"), "manifest"),
        (entry(countries=["Japan", "Japan"]), "countries"),
        (entry(bytes=-1), "bytes"),
        (entry(state_hash="x"), "state_hash"),
        (changed(version=0), "version"),
        (b"{", "release.json"),
    ],
)
def test_what_is_no_release_in_packs_is_refused_and_the_field_named(data, told):
    with pytest.raises(CatalogError, match=told):
        parse_release(data)


def test_fields_that_nobody_knows_yet_are_ignored():
    assert parse_release(changed(moods=[])) == RELEASE
    assert parse_release(entry(mood="sunny")) == RELEASE


def test_a_pack_is_called_in_a_language_or_else_in_english_or_as_it_is():
    assert [ASIA.called("pl"), ASIA.called("fr"), ASIA.called()] == ["Azja", "Asia", "Asia"]
    assert replace(ASIA, names={"de": "Asien"}).called("fr") == "Asien"


def test_a_file_of_a_pack_has_its_id_before_the_ending():
    assert in_pack("records.json", "asia") == "records.asia.json"
    assert in_pack("records.json", "") == "records.json"
    assert RELEASE_FILE.fullmatch("release.json") and not RELEASE_FILE.fullmatch("release.asia.json")
    assert MANIFEST_FILE.fullmatch("release-00112233aabbccdd.asia.json")
    assert thumbnail_pack(11, PACK.thumbnails) == "thumbnails-10-12.asia.zip"


def test_packs_as_one_catalogue_have_what_they_have_together():
    other = replace(PACK, rows=3, classes=1, ef=300, facts=True)
    joined = joined_manifest([PACK, other], "ef" * 32)
    assert (joined.rows, joined.classes, joined.ef, joined.facts) == (15, 6, 300, True)
    assert joined.state_hash == "ef" * 32 and joined.models == MODELS and joined.shards == ()

"""Release manifests, and documents that are none."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.catalog.release import (
    ReleaseDelta,
    ReleaseManifest,
    ReleaseRelief,
    ReliefPackName,
    Target,
    Validation,
    parse_manifest,
    parse_targets,
    targets_document,
    thumbnail_pack,
    thumbnail_pack_name,
)
from coindex.catalog.state import MAX_ID
from coindex.errors import CatalogError
from coindex.open_set import OpenSet

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"
RELIEF = "0123456789abcdef"
MANIFEST = ReleaseManifest(
    version=3,
    created="2026-01-31T23:59:59Z",
    space_id="00112233aabbccdd",
    code_scale=254.0,
    open_set=OpenSet(60_000.0, 3000.0, 4.5, -5e-5, -5.5, -0.1, 1.0, 129_032.0),
    models=("models.json", "segmenter.tflite", "embedder.tflite"),
    shards=("shard-00000.coinshard",),
    fresh="fresh.coinfresh",
    records="records.json",
    thumbnails=("thumbnails-1-9.zip", "thumbnails-10-12.zip"),
    deltas=(ReleaseDelta("cd" * 32, 2, "delta-from-2.coindelta"), ReleaseDelta("ef" * 32, 1, "delta-from-1.coindelta")),
    state_hash="ab" * 32,
    rows=12,
    classes=5,
    ef=100,
    validation=Validation(0.9985, 2000, "few rows yet"),
    relief=ReleaseRelief(
        RELIEF,
        (
            ReliefPackName(f"relief-{RELIEF}-1-9.coinrelief", 8),
            ReliefPackName(f"relief-{RELIEF}-10-12.coinrelief", 3),
        ),
    ),
)


def changed(**fields):
    return json.dumps({**json.loads(MANIFEST.to_bytes()), **fields}).encode()


def packs(relief_id, *named):
    return {"relief_id": relief_id, "packs": [{"name": name, "maps": maps} for name, maps in named]}


def test_a_manifest_is_read_back_as_it_was_written():
    assert parse_manifest(MANIFEST.to_bytes()) == MANIFEST
    without = parse_manifest(changed(open_set=None, fresh=None, deltas=[], validation=None))
    assert (without.open_set, without.fresh, without.deltas, without.validation) == (None, None, (), None)
    assert parse_manifest(without.to_bytes()) == without


def validated(recall):
    return {"recall_at_1": recall, "queries": 1, "override": None}


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 1, "rows": 1, "classes": 1, "ef": 1, "deltas": [], "validation": validated(0)},
        {"rows": MAX_ID, "classes": MAX_ID, "ef": 100_000, "validation": validated(1)},
    ],
)
def test_the_least_and_the_most_of_each_number_are_taken(fields):
    document = json.loads(parse_manifest(changed(**fields)).to_bytes())
    assert {name: document[name] for name in fields} == fields


def test_a_manifest_names_all_files_but_itself():
    assert sorted(MANIFEST.files) == sorted(
        [
            *MANIFEST.models,
            "shard-00000.coinshard",
            "fresh.coinfresh",
            "records.json",
            *MANIFEST.thumbnails,
            f"relief-{RELIEF}-1-9.coinrelief",
            f"relief-{RELIEF}-10-12.coinrelief",
            "delta-from-1.coindelta",
            "delta-from-2.coindelta",
        ]
    )
    assert MANIFEST.catalog_files == ("shard-00000.coinshard", "fresh.coinfresh", "records.json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("version", True),
        ("version", "3"),
        ("created", "yesterday"),
        ("created", "2026-02-30T00:00:00Z"),
        ("space_id", "0011"),
        ("code_scale", "254"),
        ("open_set", {"limit": 1}),
        ("models", ["a.tflite"]),
        ("shards", "shard"),
        ("shards", ["../shard"]),
        ("shards", ["records.json"]),
        ("shards", ["a", "a"]),
        ("fresh", "/etc/passwd"),
        ("deltas", {}),
        ("deltas", ["delta-from-2.coindelta"]),
        ("deltas", [{"from": "cd" * 31, "version": 2, "name": "a.coindelta"}]),
        ("deltas", [{"from": "cd" * 32, "version": 0, "name": "a.coindelta"}]),
        ("deltas", [{"from": "cd" * 32, "version": 2, "name": "../a"}]),
        ("deltas", [{"from": "cd" * 32, "version": 2, "name": "records.json"}]),
        ("deltas", [{"from": "cd" * 32, "version": 2, "name": name} for name in ("a", "b")]),
        ("records", ".records"),
        ("thumbnails", None),
        ("thumbnails", ["thumbnails-00000.zip"]),
        ("thumbnails", ["thumbnails-9-1.zip"]),
        ("thumbnails", ["thumbnails-1-9.zip", "thumbnails-9-10.zip"]),
        ("thumbnails", ["thumbnails-10-12.zip", "thumbnails-1-9.zip"]),
        ("relief", []),
        ("relief", packs(RELIEF[1:])),
        ("relief", packs(RELIEF, ("thumbnails-1-9.zip", 8))),
        ("relief", packs(RELIEF, (f"relief-{RELIEF}-1-9.coinrelief", 0))),
        ("relief", packs(RELIEF, (f"relief-{RELIEF}-1-9.coinrelief", 10))),
        ("relief", packs(RELIEF, (f"relief-{RELIEF}-1-9999.coinrelief", 1025))),
        ("relief", packs(RELIEF, (f"relief-{RELIEF[::-1]}-1-9.coinrelief", 8))),
        ("relief", packs(RELIEF, *((f"relief-{RELIEF}-{span}.coinrelief", 1) for span in ("1-9", "9-10")))),
        ("relief", packs(RELIEF, *((f"relief-{RELIEF}-1-9.coinrelief", 1) for _ in range(2)))),
        ("state_hash", "AB" * 32),
        ("rows", 0),
        ("classes", 1.5),
        ("ef", 0),
        ("validation", {"recall_at_1": 1.5, "queries": 10, "override": None}),
        ("validation", {"recall_at_1": 1, "queries": 0, "override": None}),
        ("validation", {"recall_at_1": 0.9, "queries": 10, "override": " "}),
        ("validation", {"recall_at_1": 0.9, "queries": 10}),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(field, value):
    with pytest.raises(CatalogError, match=r"release\.json"):
        parse_manifest(changed(**{field: value}))


@pytest.mark.parametrize("field", sorted(json.loads(MANIFEST.to_bytes())))
def test_a_manifest_without_a_field_is_refused_by_the_name_of_the_field(field):
    document = json.loads(MANIFEST.to_bytes())
    del document[field]
    with pytest.raises(CatalogError, match=f"field {field} is missing"):
        parse_manifest(json.dumps(document).encode())


def test_golden_manifests_of_formats_3_to_5_are_read_from_now_on_and_still_written():
    """Format 3 has no relief maps, format 4 no facts; a release without is written so, for devices that read no newer
    one."""
    for format_, manifest in ((3, replace(MANIFEST, relief=None)), (4, MANIFEST), (5, replace(MANIFEST, facts=True))):
        golden = (GOLDEN / f"release-{format_}.json").read_bytes()
        assert json.loads(golden)["format"] == format_
        assert parse_manifest(golden) == manifest
        assert manifest.to_bytes() == golden


def test_a_release_with_facts_may_be_without_relief_maps():
    manifest = replace(MANIFEST, facts=True, relief=None)
    assert json.loads(manifest.to_bytes())["format"] == 5
    assert parse_manifest(manifest.to_bytes()) == manifest


def test_a_manifest_of_a_newer_format_asks_for_an_update_and_an_unknown_field_does_not():
    with pytest.raises(CatalogError, match="update coindex"):
        parse_manifest(changed(format=7, version="a new way to count"))
    with pytest.raises(CatalogError, match="format 2, this coindex reads 6; publish the catalogue again"):
        parse_manifest(changed(format=2))
    assert parse_manifest(changed(moods=[])) == MANIFEST


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'["]]]]", '])
def test_a_document_is_not_nested_without_end_whatever_recursion_a_library_allows(opening):
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises(CatalogError, match="nested too deeply"):
            parse_manifest(opening * 100_000)
    finally:
        sys.setrecursionlimit(usual)


def test_brackets_in_strings_and_side_by_side_nest_nothing():
    assert parse_json(canonical({"a": "[" * 1000, 'b\\"': '\\"[' * 500})) == {"a": "[" * 1000, 'b\\"': '\\"[' * 500}
    assert parse_json(canonical([[{}]] * 1000)) == [[{}]] * 1000


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"format": NaN}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(data):
    with pytest.raises(CatalogError):
        parse_manifest(data)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", ".a", "a..b", "a b", "a\n", "é", "x" * 101])
def test_a_target_name_that_is_not_plain_is_refused(name):
    with pytest.raises(ValueError, match="plain file name"):
        parse_targets(Fields({name: {"length": 1, "sha256": "0" * 64}}))


def test_targets_are_read_back_and_bounded():
    target = Target("a.zip", 5, "ab" * 32)
    assert target.stored_name == "ab" * 32 + ".a.zip"
    assert parse_targets(Fields(targets_document({"a.zip": target}))) == {"a.zip": target}
    for wrong in ({"length": 2**31 + 1, "sha256": "ab" * 32}, {"length": 1, "sha256": "ab"}, 5, {"length": -1}):
        with pytest.raises(ValueError, match=r"a\.zip|length"):
            parse_targets(Fields({"a.zip": wrong}))


def test_a_thumbnail_is_in_the_pack_whose_range_its_row_lies_in():
    packs = [thumbnail_pack_name(1, 9), thumbnail_pack_name(10, 12), thumbnail_pack_name(20, 2**32 - 1)]
    assert packs[0] == "thumbnails-1-9.zip"
    found = {row: thumbnail_pack(row, packs) for row in (1, 9, 10, 12, 13, 20, 2**32 - 1)}
    assert found == {
        1: packs[0], 9: packs[0], 10: packs[1], 12: packs[1], 13: None, 20: packs[2], 2**32 - 1: packs[2],
    }  # fmt: skip


def test_canonical_json_sorts_names_and_keeps_unicode():
    assert canonical({"b": [1.0, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()
    assert parse_json(canonical({"a": 1})) == {"a": 1}


def test_a_whole_number_that_no_float_can_hold_is_refused():
    with pytest.raises(ValueError, match="must be a finite number"):
        Fields({"size": 10**400}).number("size")

"""Catalogue files: what C++ reads is what Python reads, and what is spoiled is refused by both or read alike."""

import hashlib
import json
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from coindex_native import NativeError
from release_server import ReleaseServer

from coindex.catalog.delta import read_delta
from coindex.catalog.document import canonical
from coindex.catalog.fresh import read_fresh
from coindex.catalog.release import parse_manifest
from coindex.catalog.relief_pack import read_pack
from coindex.catalog.shard import read_shard
from coindex.catalog.state import parse_records, records_bytes
from coindex.errors import CatalogError
from coindex.models import read_index

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "catalog"
KINDS = {".coinshard": "shard", ".coinfresh": "fresh", ".coindelta": "delta", ".coinrelief": "relief"}
FACTS = json.loads((GOLDEN / "facts.json").read_text("utf-8"))
FUZZED = 20_000
NOW = int(datetime.fromisoformat("2026-06-01T00:00:00+00:00").timestamp())


def ids(numbers):
    return np.asarray(numbers, "<u4").tobytes()


def content(kind, data):
    """What a file says, as `coindex_step_read` hashes it."""
    match kind:
        case "shard":
            return read_shard(data).rows.packed()
        case "fresh":
            fresh = read_fresh(data)
            return ids(fresh.tombstones) + fresh.rows.packed()
        case "delta":
            delta = read_delta(data)
            hashes = (delta.from_hash + delta.to_hash).encode()
            rows = ids(delta.removed) + ids(delta.dropped) + delta.added.packed()
            return hashes + rows + records_bytes(delta.records.values())
        case "records":
            return records_bytes(parse_records(data).values())
        case "release":
            parse_manifest(data)
        case "relief":
            pack = read_pack(data, name="pack", whole=True)
            groups = (pack.unpacked(number, data[start:end]) for number, (start, end) in enumerate(pack.groups))
            return pack.relief_id.encode() + ids(pack.row_ids) + b"".join(groups)
        case "models":
            read_index(Path("models.json"), read=lambda _: data)
    return b""


@pytest.fixture(scope="module")
def corpus():
    """(kind, bytes): the golden files, and those of a release."""
    files = [(KINDS[path.suffix], path.read_bytes()) for path in sorted(GOLDEN.iterdir()) if path.suffix in KINDS]
    manifests = [*sorted(GOLDEN.glob("release-*.json")), GOLDEN / "packs-6-asia.json"]
    files += [("release", path.read_bytes()) for path in manifests]
    files.append(("records", (GOLDEN / "records-5.json").read_bytes()))
    server = ReleaseServer()
    server.release(1, range(1, 13))
    server.release(2, range(1, 13), fresh=[3, 14], tombstones=[3, 4], renamed=[2], deltas=[1])
    for path, data in server.targets.items():
        name = path.rpartition(".")[2]
        stem = path.partition(".")[2]
        kind = KINDS.get(f".{name}") or {"records.json": "records", "release.json": "release"}.get(stem)
        if kind:
            files.append((kind, data))
    files.append(("models", (ROOT / "mobile_assets" / "models" / "models.json").read_bytes()))
    return files


def test_every_golden_file_says_the_same(library, corpus):
    for kind, data in corpus:
        assert library.read(kind, data) == hashlib.sha256(content(kind, data)).hexdigest()


def test_a_file_of_another_kind_or_format_is_refused_with_what_to_do(library):
    shard = (GOLDEN / "rows-5.v1.coinshard").read_bytes()
    with pytest.raises(NativeError, match="not a COINFRSH file; download the catalogue again"):
        library.read("fresh", shard)
    newer = b"COINSHRD" + (2).to_bytes(4, "little") + shard[12:20]
    payload = shard[52:]
    newer += hashlib.sha256(newer[:20] + payload).digest() + payload
    with pytest.raises(NativeError, match="format 2, this coindex reads format 1; update coindex"):
        library.read("shard", newer)
    with pytest.raises(NativeError, match="checksum differs"):
        library.read("shard", shard[:-1] + bytes([shard[-1] ^ 1]))


def with_facts(facts):
    """A `records.json` of one coin with these facts, right or wrong: as Python writes it, or bytes as they are."""
    record = {"class_id": 7, **dict.fromkeys(("country", "currency", "denomination", "variant", "name", "design"), "")}
    if not isinstance(facts, bytes):
        return canonical([{**record, "side": "obverse", "facts": facts}])
    whole = canonical([{**record, "side": "obverse", "facts": "…"}])
    return whole.replace('"…"'.encode(), facts)


def read_alike(library, facts):
    """Whether the core and Python both take the facts; fails where one does, or where they say different things."""
    data = with_facts(facts)
    try:
        expected = hashlib.sha256(content("records", data)).hexdigest()
    except CatalogError:
        with pytest.raises(NativeError, match=r"records\.json: "):
            library.read("records", data)
        return False
    assert library.read("records", data) == expected, facts
    return True


def test_golden_facts_are_taken_or_refused(library):
    for facts in FACTS["right"]:
        assert read_alike(library, facts), facts
    for facts in FACTS["wrong"]:
        assert not read_alike(library, facts), facts


def test_numbers_of_facts_are_written_as_python_writes_them(library):
    rng = np.random.default_rng(5)
    drawn = rng.integers(0, 0x7FF0 << 48, 3000).astype(np.uint64).view(np.float64)
    powers = 2.0 ** np.arange(-1074, 1024)
    plain = [0.0, 1.0, 7.5, 24.25, 0.1, 1e-6, 1e-7, 123e-8, 1e20, 1e21, 123456789012345680000.0, 2.0**53]
    numbers = [*drawn.tolist(), *powers.tolist(), *plain]
    facts = {
        f"n{place}": number * sign for sign in (1, -1) for place, number in enumerate(numbers, len(numbers) * sign)
    }
    assert len(facts) == 2 * len(numbers)
    for number in plain:
        assert read_alike(library, {"rarity": number}) and read_alike(library, {"weight": number}) == (number > 0)
    assert read_alike(library, {name.replace("-", "m"): number for name, number in facts.items()})


@pytest.mark.parametrize(
    "facts",
    [b"{}", b"[]", b"null", b'"a"', b"7", b'{"weight":7.0}', b'{"weight":1e1}', b'{"rarity":-0}', b'{"rarity":-0.0}',
     b'{"weight":7,"diameter":2}', b'{"rarity":1e400}', b'{"km":"a","km":"a"}', b'{"km": "a"}', b'{"links":[]}'],
)  # fmt: skip
def test_facts_that_are_none_or_not_in_canonical_form_are_refused(library, facts):
    assert not read_alike(library, facts)


def test_an_address_with_any_character_is_taken_or_refused_as_in_python(library):
    points = [*range(1, 0x250), *range(0x1670, 0x1690), *range(0x1FF0, 0x2070), 0x2FFF, 0x3000, 0x3001, 0xFEFF, 0x1F600]
    taken = 0
    for point in (0, *points):
        taken += read_alike(library, {"links": [f"https://{chr(point)}"]})
        taken += read_alike(library, {"links": [f"https://a{chr(point)}"]})
    assert 0 < len(points) < taken < 2 * len(points)


def test_records_of_more_bytes_than_their_classes_have_are_refused(library, tmp_path):
    server = ReleaseServer().release(1, facts={1: {"later": "a" * (5 * 2**15)}})

    def get(path, offset):
        name = path.rpartition("/")[2]
        data = server.metadata.get(name) if path.startswith("releases/metadata/") else server.targets.get(path)
        return None if data is None else data[offset:]

    with pytest.raises(NativeError, match=r"records.json: 16\d{4} bytes; less was expected of 5 records"):
        library.sync(tmp_path, get, now=NOW)


def test_spoiled_files_are_refused_or_read_as_python_reads_them(built, library, corpus, tmp_path):
    arguments = []
    for number, (kind, data) in enumerate(corpus):
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(data)
        arguments.append(f"{kind}:{path}")
    accepted = tmp_path / "accepted"
    accepted.mkdir()
    said = built.run("fuzz", FUZZED, 17, *arguments, "--accepted", accepted)
    assert int(said.split()[0]) > FUZZED // 2
    files = sorted(accepted.iterdir())
    assert len(files) > 20
    alike = 0
    for path in files[:400]:
        kind = path.name.partition(".")[0]
        data = path.read_bytes()
        try:
            expected = hashlib.sha256(content(kind, data)).hexdigest()
        except (CatalogError, ValueError) as error:
            pytest.fail(f"{path.name}: C++ reads what Python refuses: {error}")
        assert library.read(kind, data) == expected, path.name
        alike += 1
    assert alike


def test_fuzzing_is_repeatable(built, corpus, tmp_path):
    path = tmp_path / "a.records"
    path.write_bytes(next(data for kind, data in corpus if kind == "records"))
    runs = [
        subprocess.run([built.program("fuzz"), "500", "3", f"records:{path}"], capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_a_release_in_packs_is_refused_in_a_clear_sentence(library):
    with pytest.raises(NativeError, match="format 6, a release in packs, which this library does not read"):
        library.read("release", (GOLDEN / "packs-6.json").read_bytes())

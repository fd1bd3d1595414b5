"""Holding engines against the plain loop: the measurements by hand, the report, and the command."""

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser

import numpy as np
import pytest

from catalog_server.engines import DeviceEngine, FaissFlat, FaissHnswSq8, PlainEngine
from catalog_server.engines.contract import NO_ROW, UNREACHED, Neighbours
from catalog_server.publishing.publish import publish
from catalog_server.publishing.self_sync import FolderFetcher, open_as_device
from catalog_server.validation.measure import ground_truth, measure, require_bounds, validate
from catalog_server.validation.report import Report, page, write_report
from coindex.catalog import CatalogIndex, Rows
from coindex.cli import main
from coindex.errors import EngineError, ReleaseRejected, SyncError


def on_a_line(places, *, classes):
    """Rows 1, 2, … whose codes are zero but for the first number."""
    codes = np.zeros((len(places), 64), np.int8)
    codes[:, 0] = places
    return Rows.of(range(1, len(places) + 1), classes, codes)


LINE = on_a_line([0, 1, 3, 3, 10], classes=[7, 7, 7, 8, 9])


def at(*places):
    return on_a_line(places, classes=[1] * len(places)).codes


class Fixed:
    """An engine that answers what it is told to."""

    name, exact, by_class, max_k = "fixed", True, False, None
    memory_bytes = 0
    description: Mapping[str, str] = {"device": "paper"}

    def __init__(self, row_ids, distances, **attributes):
        self._row_ids, self._distances = np.array(row_ids, np.uint32), np.array(distances, np.int64)
        self._asked = -10 if len(self._row_ids) > 10 else -len(self._row_ids)
        vars(self).update(attributes)

    def fit(self, rows):
        self.fitted = rows

    def query(self, code, k):
        # Warmed up first, by all queries here, then asked in their order.
        number = self._asked % len(self._row_ids)
        self._asked += 1
        return Neighbours(self._row_ids[number : number + 1, :k], self._distances[number : number + 1, :k])

    def batch_query(self, codes, k):
        return Neighbours(self._row_ids[:, :k], self._distances[:, :k])

    def close(self):
        pass


def test_the_truth_is_the_nearest_rows_and_the_best_row_of_each_class():
    truth = ground_truth(LINE, at(2, 9), k=4)
    assert truth.rows.distances.tolist() == [[1, 1, 1, 4], [1, 36, 36, 64]]
    assert truth.rows.row_ids.tolist() == [[2, 3, 4, 1], [5, 3, 4, 2]]
    assert truth.classes.distances.tolist() == [[1, 1, 64], [1, 36, 36]]
    assert [sorted(ids) for ids in truth.classes.row_ids.tolist()] == [[2, 4, 5], [3, 4, 5]]


def test_the_truth_is_that_of_the_catalogue_for_many_random_rows():
    rng = np.random.default_rng(0)
    rows = Rows.of(range(1, 301), rng.integers(1, 25, 300), rng.integers(-20, 21, (300, 64)).astype(np.int8))
    queries, index = rng.integers(-20, 21, (30, 64)).astype(np.int8), CatalogIndex.from_rows(rows)
    truth = ground_truth(rows, queries)
    for code, distances in zip(queries, truth.classes.distances, strict=True):
        assert [hit.distance for hit in index.search(code, 10)] == distances.tolist()
    with pytest.raises(ValueError, match="nothing is nearest"):
        ground_truth(Rows.none(), queries)


def test_a_miss_is_listed_with_both_distances_and_a_tie_is_none():
    queries = at(2, 9)
    truth = ground_truth(LINE, queries, k=3)
    result = measure(Fixed([[4, 2, 3], [4, 3, 2]], [[1, 1, 1], [36, 36, 64]]), LINE, queries, truth)
    assert (result.equal_top1, result.bound, result.passed) == (0.5, 1.0, False)
    [miss] = result.misses
    assert (miss.query, miss.row_id, miss.distance, miss.exact_row_id, miss.exact_distance) == (1, 4, 36, 5, 1)
    assert result.recall == {1: 0.5, 10: (3 / 3 + 2 / 3) / 2}
    [worst] = result.worst
    assert (worst.query, worst.recall, worst.k, worst.excess) == (1, 2 / 3, 3, 35 + 0 + 28)
    assert result.false_distances == 0


def test_a_distance_that_is_not_that_of_its_row_fails_even_where_it_is_the_right_number():
    queries = at(2)
    result = measure(Fixed([[1, 3, 4]], [[1, 1, 1]]), LINE, queries, ground_truth(LINE, queries, k=3))
    assert (result.equal_top1, result.false_distances, result.passed) == (1.0, 1, False)


def test_rows_that_a_graph_does_not_reach_are_misses_and_no_false_distances():
    queries = at(2)
    engine = Fixed([[2, NO_ROW, NO_ROW]], [[1, UNREACHED, UNREACHED]], exact=False)
    result = measure(engine, LINE, queries, ground_truth(LINE, queries, k=3))
    assert (result.recall[1], result.recall[10], result.false_distances) == (1.0, 1 / 3, 0)
    assert (result.bound, result.passed) == (None, True)


def test_an_exact_engine_that_answers_otherwise_in_a_batch_is_an_error():
    engine = Fixed([[2]], [[1]])
    engine.batch_query = lambda codes, k: Neighbours(np.array([[1]], np.uint32), np.array([[4]]))
    with pytest.raises(EngineError, match="query 0 has other distances"):
        measure(engine, LINE, at(2), ground_truth(LINE, at(2), k=1))


def test_times_are_those_of_the_clock():
    ticks = iter(range(100))
    engine = Fixed([[2], [2]], [[1], [1]])
    result = measure(engine, LINE, at(2, 2), ground_truth(LINE, at(2, 2), k=1), clock=lambda: next(ticks) * 1e-6)
    assert (result.query_p50_us, result.query_p99_us) == (pytest.approx(1), pytest.approx(1))
    assert result.batch_us == pytest.approx(0.5)


@pytest.fixture(scope="module")
def coins():
    """Rows and queries around the same centres."""
    rng = np.random.default_rng(3)
    centres = rng.normal(0, 30, (60, 64))
    near = [np.clip(np.rint(centres + rng.normal(0, 8, centres.shape)), -127, 127).astype(np.int8) for _ in range(11)]
    return Rows.of(range(1, 601), list(range(1, 61)) * 10, np.concatenate(near[:10])), near[10]


def test_exact_engines_agree_on_every_query_and_the_device_with_them(coins):
    rows, queries = coins
    told = []
    result = validate(
        rows, queries, [DeviceEngine(), FaissFlat(), FaissHnswSq8()], progress=lambda *each: told.append(each)
    )
    assert [engine.name for engine in result.engines] == ["plain", "hnsw", "faiss", "faiss-hnsw-sq8"]
    assert (result.rows, result.classes, result.queries, result.passed) == (600, 60, 60, True)
    for engine in result.engines[:3]:
        assert (engine.equal_top1, engine.recall, engine.misses) == (1.0, {1: 1.0, 10: 1.0}, ())
    assert [engine.bound for engine in result.engines] == [1.0, 0.999, 1.0, None]
    require_bounds(result)
    assert told[-1] == (240, 240) and told == sorted(told)


def test_an_engine_that_was_filled_before_is_not_filled_again(coins):
    rows, queries = coins
    device = DeviceEngine(CatalogIndex.from_rows(rows))
    device.fit = None
    [_, result] = validate(rows, queries, [device], fitted=["hnsw"]).engines
    assert result.build_s is None
    with pytest.raises(ValueError, match="rows and queries"):
        validate(rows, queries[:0], [])


@pytest.fixture
def failed():
    """A validation in which one engine misses one query of two."""
    queries = at(2, 9)
    row_ids = [[2, 3, 4, 1, 5], [4, 3, 2, 1, NO_ROW]]
    return validate(LINE, queries, [Fixed(row_ids, [[1, 1, 1, 4, 64], [36, 36, 64, 81, UNREACHED]])])


def test_a_bound_that_is_not_met_names_the_engine_and_the_first_miss(failed):
    with pytest.raises(EngineError, match=r"1 of 2 engines .*\n  fixed: 1 of 2 .* query 1: row 4 at 36, where row 5"):
        require_bounds(failed)


def report_of(validation, **options):
    catalog = {"version": 3, "state_hash": "ab" * 32, "space_id": "0123456789abcdef"}
    return Report(validation, "2026-01-02T03:04:05Z", catalog, {"system": "Linux"}, "drawn, seed 0", **options)


class Outline(HTMLParser):
    """What a page says to one who cannot see it."""

    def __init__(self):
        super().__init__()
        self.headings, self.captions, self.tables, self.pictures, self.links = [], 0, 0, [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.headings += [tag] if re.fullmatch("h[1-6]", tag) else []
        self.captions += tag == "caption"
        self.tables += tag == "table"
        self.pictures += [attrs.get("aria-label")] if tag == "svg" else []
        self.links += [value for name, value in attrs.items() if name in ("src", "href")]


def test_the_page_stands_alone_and_speaks_to_those_who_do_not_see_it(failed):
    drawn = page(report_of(failed))
    outline = Outline()
    outline.feed(drawn)
    assert outline.headings[0] == "h1" and set(outline.headings[1:]) == {"h2"}
    assert outline.captions == outline.tables >= 4
    assert len(outline.pictures) == 2 and all(outline.pictures)
    assert outline.links == [] and "url(" not in drawn and "<script" not in drawn
    assert "failed" in drawn and "fixed: not the answers" in drawn


def test_photo_names_are_text_on_the_page(failed):
    drawn = page(report_of(failed, names=("a.jpg", "<b>.jpg")))
    assert "&lt;b&gt;.jpg" in drawn and "<b>.jpg" not in drawn


def test_a_passed_validation_says_so_and_misses_within_the_bound_are_told(coins, failed):
    from dataclasses import replace

    good = validate(*coins, [FaissFlat()])
    assert "The device and every exact engine find the nearest row of every query" in page(report_of(good))
    miss = failed.engines[1].misses
    device = replace(good.engines[1], name="hnsw", bound=0.999, equal_top1=0.9995, misses=miss)
    drawn = page(report_of(replace(good, engines=(device,))))
    assert "1 nearest row missed" in drawn and "99.95 %" in drawn


def test_the_document_holds_every_miss_and_is_plain_json(failed, tmp_path):
    document, drawn = write_report(tmp_path / "new" / "folder", report_of(failed))
    found = json.loads(document.read_text("utf-8"))
    assert (found["rows"], found["queries"], found["passed"]) == (5, 2, False)
    assert found["exact_distance"] == {"least": 1, "p50": 1, "p95": 1, "most": 1}
    assert found["engines"][1]["misses"] == [
        {"query": 1, "row_id": 4, "distance": 36, "exact_row_id": 5, "exact_distance": 1}
    ]
    assert drawn.read_text("utf-8").startswith("<!doctype html>")


def test_a_store_is_read_as_a_phone_reads_its_release(filled, models, tmp_path):
    publish(filled, models)
    catalog = open_as_device(filled, tmp_path / "home")
    with filled.reading() as session:
        rows = filled.state(session).rows
    assert catalog.index.rows.packed() == rows.packed()
    assert open_as_device(filled, tmp_path / "home").manifest.version == 1


def test_a_store_without_a_release_says_how_to_make_one(store, tmp_path):
    with pytest.raises(SyncError, match="coindex catalog publish"):
        open_as_device(store, tmp_path / "home")


def test_a_file_of_another_length_than_its_index_says_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    fetcher = FolderFetcher(tmp_path)
    with pytest.raises(ReleaseRejected, match="5 bytes"):
        fetcher.download("file", tmp_path / "part", length=6, progress=lambda came: None)
    with pytest.raises(ReleaseRejected, match="longer than 4"):
        fetcher.get("file", most=4)
    told = []
    (tmp_path / "part").write_bytes(b"xx")
    assert fetcher.download("file", tmp_path / "part", length=5, progress=told.append) == 5
    assert ((tmp_path / "part").read_bytes(), sum(told)) == (b"12345", 3)


@pytest.fixture
def call(capsys, monkeypatch, filled, models):
    """Runs `coindex validate` on a published store: exit code, stdout, stderr."""
    from coindex import cli

    publish(filled, models)
    monkeypatch.setenv("COINDEX_STORE", str(filled.folder))
    monkeypatch.setitem(cli.OWN, "validate", cli.Command("catalog_server.cli.validate_command:validate", ""))

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["validate", *map(str, arguments)])
        out = capsys.readouterr()
        return ended.value.code or 0, out.out, out.err

    return call


def test_validate_prints_json_alone_and_writes_its_report(call, tmp_path):
    code, out, err = call("--queries", 30, "--json", "--report", tmp_path / "report")
    document = json.loads(out)
    assert code == 0 and document["passed"] and "validation.html" in err
    assert document == json.loads((tmp_path / "report" / "validation.json").read_text("utf-8"))
    names = [engine["name"] for engine in document["engines"]]
    assert names == ["plain", "hnsw", "faiss", "faiss-hnsw-sq8", "milvus"]
    assert (document["catalog"]["version"], document["queries"], document["rows"]) == (1, 30, 6)
    assert document["engines"][2]["description"]["device"] == "cpu"
    assert (tmp_path / "report" / "validation.html").is_file()


def test_validate_takes_a_devices_folder_and_chosen_engines(call, filled, tmp_path):
    open_as_device(filled, tmp_path / "home")
    code, out, _ = call("--home", tmp_path / "home", "--engine", "faiss", "--queries", 5)
    assert code == 0 and "5 queries, 6 rows of 3 classes" in out and "faiss" in out and "milvus" not in out


def test_validate_asks_with_the_photos_of_a_manifest(call, collection, encoder, monkeypatch):
    monkeypatch.setattr("coindex.catalog.LocalCatalog.models", lambda catalog: None)
    monkeypatch.setattr("catalog_server.cli.validate_command.encode_photo", lambda photo, models, **_: encoder(photo))
    collection.add("4", 9, split="odd")
    (collection.folder / "6.png").write_bytes(b"no image")
    collection.read()
    code, out, err = call("--manifest", collection.folder / "manifest.csv", "--engine", "faiss", "--json")
    document = json.loads(out)
    assert code == 0 and "left out: line 8" in err
    assert (document["queries"], document["photos"][0]) == (6, "0.png")
    assert document["exact_distance"]["most"] == 0
    code, _, err = call("--manifest", collection.folder / "manifest.csv", "--split", "odd", "--engine", "faiss")
    assert code == 1 and "no photo can be a query" in err
    assert call("--split", "odd")[0] == 2


def test_validate_fails_with_the_misses_where_an_engine_is_wrong(call, monkeypatch):
    honest = FaissFlat.batch_query

    def shifted(self, codes, k):
        return honest(self, np.roll(codes, 1, axis=1), k)

    monkeypatch.setattr(FaissFlat, "batch_query", shifted)
    code, _, err = call("--queries", 5, "--engine", "faiss")
    assert code == 1 and err.startswith("error: 1 of 3 engines do not answer as they must") and "Traceback" not in err


def test_validate_without_a_release_is_an_error_that_says_what_to_do(call, tmp_path, monkeypatch):
    from catalog_server.store import open_store

    open_store(tmp_path / "empty", create=True).close()
    code, out, err = call("--store", tmp_path / "empty", "--engine", "faiss")
    assert (code, out) == (1, "") and "coindex catalog publish" in err
    code, _, err = call("--home", tmp_path / "nothing")
    assert code == 1 and "coindex sync" in err


def test_the_plain_loop_is_an_engine_like_the_others():
    engine = PlainEngine()
    engine.fit(LINE)
    assert engine.query(at(9)[0], 1).row_ids.tolist() == [[5]]

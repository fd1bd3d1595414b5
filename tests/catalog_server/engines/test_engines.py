"""Every engine against the plain integer loop, by `==`."""

import contextlib
import importlib
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from milvus_server import milvus_server

from catalog_server.engines import (
    ENGINES,
    ComparedEngine,
    DeviceEngine,
    EngineIndex,
    FaissFlat,
    FaissHnswSq8,
    MilvusFlat,
    PlainEngine,
    ServedEngine,
    open_engine,
)
from catalog_server.engines.contract import NO_ROW, UNREACHED, Neighbours, checked, whole
from coindex.catalog import CatalogIndex, Rows
from coindex.catalog.shard import build_shard, load_graph
from coindex.errors import EngineError

EXACT = ("plain", "faiss", "milvus")
FURTHEST = 64 * 254**2
"""Between a code of 127s and one of -127s."""


def rows_of(codes, *, classes=None):
    """Rows with ids 3, 6, 9, …, each a class of its own unless said otherwise."""
    count = len(codes)
    return Rows.of(range(3, 3 * count + 1, 3), classes or range(1, count + 1), np.array(codes, np.int8))


def random_codes(count, seed):
    return np.random.default_rng(seed).integers(-127, 128, (count, 64)).astype(np.int8)


def clustered(count, seed, *, classes=40):
    """Codes close around centres, as those of coins are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 30, (classes, 64))
    spread = centres[np.arange(count) % classes] + rng.normal(0, 9, (count, 64))
    return np.clip(np.rint(spread), -127, 127).astype(np.int8)


@pytest.fixture
def fitted():
    """Opens an engine with rows in it; closed at the end."""
    opened = []

    def fit(name, rows, **options):
        engine = open_engine(name, **options)
        opened.append(engine)
        engine.fit(rows)
        return engine

    yield fit
    for engine in opened:
        engine.close()


def test_the_reference_against_a_case_worked_by_hand(fitted):
    codes = np.zeros((4, 64), np.int8)
    codes[0, 0], codes[1, 0], codes[2, :2], codes[3, 63] = 127, -127, (3, 4), 5
    engine = fitted("plain", rows_of(codes))
    found = engine.query(np.zeros(64, np.int8), 4)
    assert found.distances.tolist() == [[25, 25, 127**2, 127**2]]
    assert found.row_ids.tolist() == [[9, 12, 3, 6]]


CASES = {
    "random": (random_codes(700, 0), random_codes(40, 1)),
    "clustered": (clustered(900, 2), clustered(40, 3)),
    "extremes": (np.array([[127] * 64, [-127] * 64, [127, -127] * 32, [0] * 64]), np.array([[127] * 64, [-127] * 64])),
    "duplicates": (np.repeat(random_codes(6, 4), 30, axis=0), random_codes(6, 4)),
    "one row": (random_codes(1, 5), random_codes(3, 6)),
    "all the same": (np.zeros((50, 64)), np.zeros((2, 64))),
}


@pytest.fixture(scope="module")
def milvus_lite_cases(tmp_path_factory):
    """Milvus Lite takes a second to start: one file for all cases."""
    opened = {}
    uri = str(tmp_path_factory.mktemp("milvus") / "catalog.db")
    for case, (codes, _) in CASES.items():
        opened[case] = MilvusFlat(uri)
        opened[case].fit(rows_of(codes))
    yield opened
    for engine in opened.values():
        engine.close()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["hnsw", "faiss", "faiss-hnsw-sq8", "milvus"])
def test_an_engine_gives_the_distances_of_the_plain_loop(fitted, milvus_lite_cases, name, case):
    codes, queries = (np.asarray(each, np.int8) for each in CASES[case])
    rows = rows_of(codes)
    plain = fitted("plain", rows)
    engine = milvus_lite_cases[case] if name == "milvus" else fitted(name, rows)
    k = min(10, len(rows))
    found, expected = engine.batch_query(queries, k), plain.batch_query(queries, k)
    assert found.row_ids.shape == found.distances.shape == (len(queries), k)
    assert (found.row_ids.dtype, found.distances.dtype) == (np.uint32, np.int64)
    if engine.exact or name == "hnsw":
        assert (found.distances == expected.distances).all()
    for query, row_ids, distances in zip(queries, found.row_ids, found.distances, strict=True):
        real = row_ids != NO_ROW
        assert len(set(row_ids[real])) == real.sum()
        positions = np.searchsorted(rows.row_ids, row_ids[real])
        assert (plain.distances(query)[positions] == distances[real]).all()
        order = list(zip(distances, row_ids, strict=True))
        assert order == sorted(order)
    single = engine.query(queries[0], k)
    assert (single.distances == found.distances[:1]).all()


@pytest.mark.parametrize("case", CASES)
def test_the_graph_of_a_shard_gives_the_distances_of_the_plain_loop(fitted, case):
    codes, queries = (np.asarray(each, np.int8) for each in CASES[case])
    rows = rows_of(codes)
    plain, shard = fitted("plain", rows), build_shard(rows)
    device = DeviceEngine(CatalogIndex([shard], ef=100, exact_below=1))
    graph = load_graph(shard)
    graph.set_ef(100)
    for query in queries:
        labels, distances = graph.knn_query(query.astype(np.float32)[None], k=min(10, len(rows)), num_threads=1)
        assert (plain.distances(query)[labels[0]] == distances[0]).all()
        found = device.query(query, min(10, len(rows)))
        positions = np.searchsorted(rows.row_ids, found.row_ids[0])
        assert (plain.distances(query)[positions] == found.distances[0]).all()


def test_the_furthest_two_codes_can_be_is_a_whole_number_everywhere(fitted, milvus_lite_cases):
    code, rows = np.full(64, 127, np.int8), rows_of(CASES["extremes"][0])
    engines = [fitted(name, rows) for name in ENGINES if name != "milvus"] + [milvus_lite_cases["extremes"]]
    assert {int(engine.query(code, 4).distances[0, -1]) for engine in engines} == {FURTHEST}


@pytest.mark.parametrize("name", ["hnsw", "faiss", "faiss-hnsw-sq8", "milvus", "plain"])
def test_k_larger_than_the_rows_gives_all_of_them(fitted, milvus_lite_cases, name):
    rows = rows_of(CASES["extremes"][0])
    engine = milvus_lite_cases["extremes"] if name == "milvus" else fitted(name, rows)
    found = engine.query(np.zeros(64, np.int8), 1000)
    assert sorted(found.row_ids[0].tolist()) == rows.row_ids.tolist()


@pytest.mark.parametrize("name", ["hnsw", "faiss", "faiss-hnsw-sq8", "plain"])
def test_no_queries_and_no_rows_have_no_answers(fitted, name):
    assert fitted(name, rows_of(random_codes(3, 0))).batch_query(np.zeros((0, 64), np.int8), 2).row_ids.shape == (0, 2)
    assert fitted(name, Rows.none()).query(np.zeros(64, np.int8), 2).row_ids.shape == (1, 0)


@pytest.mark.parametrize(
    ("code", "k", "words"),
    [(np.zeros(64), 1, "int8"), (np.zeros(63, np.int8), 1, "63"), (np.zeros(64, np.int8), 0, "at least one")],
)
@pytest.mark.parametrize("name", ["hnsw", "faiss", "plain"])
def test_what_is_no_code_is_refused(fitted, name, code, k, words):
    engine = fitted(name, rows_of(random_codes(3, 0)))
    with pytest.raises(ValueError, match=words):
        engine.query(code, k)


def test_a_k_beyond_an_engines_limit_is_refused():
    engine = SimpleNamespace(name="small", max_k=5)
    assert checked(np.zeros((1, 64), np.int8), 6, engine, rows=5) == 5
    with pytest.raises(EngineError, match="5 at most"):
        checked(np.zeros((1, 64), np.int8), 6, engine, rows=6)


def test_a_distance_that_is_not_whole_is_refused():
    assert whole(np.array([[4.0, 2.0**22]]), engine="any").tolist() == [[4, 2**22]]
    for wrong in (4.5, np.nan, np.inf):
        with pytest.raises(EngineError, match="not whole"), np.errstate(invalid="ignore"):
            whole(np.array([[4.0, wrong]]), engine="any")


def test_an_engine_that_does_not_exist_is_refused_by_the_names_of_those_there_are():
    with pytest.raises(EngineError, match="hnsw, faiss"):
        open_engine("annoy")


@pytest.mark.parametrize(("name", "package"), [("faiss", "faiss"), ("milvus", "pymilvus"), ("milvus", "milvus_lite")])
def test_a_missing_package_names_the_extra_to_install(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineError, match=rf"{package}.*coindex\[validate\]"):
        open_engine(name)


def test_the_engines_that_need_an_extra_are_those_that_say_so(monkeypatch):
    for package in ("faiss", "pymilvus", "milvus_lite"):
        monkeypatch.setitem(sys.modules, package, None)
    for name, registered in ENGINES.items():
        with pytest.raises(EngineError, match="coindex") if registered.needs_extra else contextlib.nullcontext():
            open_engine(name).close()


def test_commands_offer_the_engines_that_the_registry_marks_for_them():
    assert [*ServedEngine] == ["hnsw", "faiss", "milvus"]
    assert [*ComparedEngine] == ["faiss", "faiss-hnsw-sq8", "milvus"]


def test_a_server_that_cannot_be_reached_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setattr("catalog_server.engines.milvus.CONNECT_SECONDS", 0.2)
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9: .*is it a Milvus server"):
        MilvusFlat("http://127.0.0.1:9")


def test_a_path_that_cannot_be_a_milvus_lite_file_is_an_error(tmp_path):
    with pytest.raises(EngineError, match="nowhere"):
        MilvusFlat(str(tmp_path / "nowhere" / "catalog.db"))


class FakeFaiss:
    """A Faiss that sees one GPU; what is on it remembers where it lies."""

    __version__ = "0.0.0"

    def __init__(self):
        self.real = importlib.import_module("faiss")
        self.moved = []

    def get_num_gpus(self):
        return 1

    def omp_get_max_threads(self):
        return 1

    def IndexFlatL2(self, dimensions):  # noqa: N802 (Faiss's own name)
        return self.real.IndexFlatL2(dimensions)

    def StandardGpuResources(self):  # noqa: N802
        return "resources"

    def index_cpu_to_gpu(self, resources, device, index):
        self.moved.append((resources, device))
        return index


def test_faiss_takes_the_first_gpu_where_there_is_one(monkeypatch, fitted):
    fake = FakeFaiss()
    monkeypatch.setitem(sys.modules, "faiss", fake)
    engine = fitted("faiss", rows_of(random_codes(20, 0)))
    assert fake.moved == [("resources", 0)]
    assert (engine.description["device"], engine.max_k) == ("gpu", 2048)
    assert engine.query(random_codes(20, 0)[7], 1).row_ids.tolist() == [[24]]


def test_faiss_stays_on_the_cpu_where_there_is_no_gpu(monkeypatch, fitted):
    fake = FakeFaiss()
    fake.get_num_gpus = lambda: 0
    monkeypatch.setitem(sys.modules, "faiss", fake)
    engine = fitted("faiss", rows_of(random_codes(20, 0)))
    assert (fake.moved, engine.description["device"], engine.max_k) == ([], "cpu", None)


def test_the_same_rows_give_the_same_faiss_graph(fitted):
    import faiss

    rows = rows_of(clustered(500, 1))
    first, second = (faiss.serialize_index(fitted("faiss-hnsw-sq8", rows)._index) for _ in range(2))
    assert (first == second).all()


def test_where_a_graph_reaches_too_few_rows_the_rest_is_marked(fitted, monkeypatch):
    engine = fitted("faiss-hnsw-sq8", rows_of(random_codes(5, 0)))
    answer = (np.array([[4.0, 3.4e38]], np.float32), np.array([[2, -1]]))
    monkeypatch.setattr(engine, "_index", SimpleNamespace(search=lambda codes, k: answer))
    found = engine.query(np.zeros(64, np.int8), 2)
    assert (found.row_ids.tolist(), found.distances.tolist()) == ([[9, NO_ROW]], [[4, UNREACHED]])


def test_milvus_closes_no_log_of_the_process_as_it_is_loaded():
    """pymilvus's `dictConfig` would end every handler, and with TensorFlow in the process stderr too."""
    code = (
        "import logging, sys, absl.logging\n"
        "stream = open('/dev/null', 'w')\n"
        "absl.logging.get_absl_handler().python_handler.stream = stream\n"
        "from catalog_server.engines.milvus import MilvusFlat\n"
        "MilvusFlat().close()\n"
        "assert 'pymilvus' in sys.modules and not stream.closed\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_closing_milvus_leaves_no_collection_and_no_file(tmp_path):
    uri = str(tmp_path / "catalog.db")
    kept, dropped = MilvusFlat(uri), MilvusFlat(uri)
    from pymilvus import MilvusClient

    kept.fit(rows_of(random_codes(2, 0)))
    dropped.fit(rows_of(random_codes(2, 0)))
    dropped.close()
    dropped.close()
    assert len(MilvusClient(uri).list_collections()) == 1
    assert kept.query(random_codes(2, 0)[1], 1).row_ids.tolist() == [[6]]
    kept.close()
    temporary = MilvusFlat()
    temporary.close()
    assert not temporary._folder.exists()


@pytest.fixture(scope="module")
def milvus():
    with milvus_server() as uri:
        yield uri


def test_a_milvus_server_gives_the_distances_of_the_plain_loop(fitted, milvus):
    for codes, queries in CASES.values():
        rows, queries = rows_of(np.asarray(codes, np.int8)), np.asarray(queries, np.int8)
        engine, plain = fitted("milvus", rows, milvus_uri=milvus), fitted("plain", rows)
        found, expected = engine.batch_query(queries, 10), plain.batch_query(queries, 10)
        assert (found.distances == expected.distances).all()
        assert engine.description["server"].startswith("Milvus v")


@pytest.mark.parametrize("name", ["faiss", "milvus", "plain"])
def test_classes_by_an_engine_are_those_of_the_catalogue(fitted, name):
    """Duplicated rows of many classes: ties at every cut, and one class that fills the first ranks."""
    codes = np.repeat(clustered(60, 7, classes=6), 5, axis=0)
    codes[:120] = codes[0]
    classes = [1] * 110 + [2 + position % 9 for position in range(190)]
    rows = rows_of(codes, classes=classes)
    index, engine = CatalogIndex.from_rows(rows), fitted(name, rows)
    by_engine = EngineIndex(engine, rows)
    assert (by_engine.classes, len(by_engine.rows)) == (10, 300)
    for query in [*clustered(6, 8, classes=6), codes[0]]:
        for k in (1, 2, 5, 50):
            assert by_engine.search(query, k) == index.search(query, k)
            assert by_engine.search(query, k, classes=(3, 9, 77)) == index.search(query, k, classes=(3, 9, 77))
        for class_id in (1, 4, 77):
            assert by_engine.rows_of(class_id, query) == index.rows_of(class_id, query)
    assert by_engine.search(codes[0], 5, classes=()) == ()
    with pytest.raises(ValueError, match="k is 0"):
        by_engine.search(codes[0], 0)


class LastOfEquals(PlainEngine):
    """Exact, but of equal rows at the cut it keeps those of the highest ids, as an engine may."""

    def query(self, code, k):
        distances = self.distances(code)
        kept = np.sort(np.lexsort((-np.arange(len(distances)), distances))[:k])
        order = kept[np.argsort(distances[kept], kind="stable")]
        return Neighbours(self._rows.row_ids[order][None], distances[order][None])


def test_rows_as_far_as_the_cut_are_not_trusted_with_a_tie():
    rows = rows_of(np.concatenate([np.zeros((1, 64)), np.ones((60, 64))]), classes=[1, *range(2, 62)])
    engine = LastOfEquals()
    engine.fit(rows)
    hits = EngineIndex(engine, rows).search(np.zeros(64, np.int8), 3)
    assert [hit.row_id for hit in hits] == [3, 6, 9]
    assert hits == CatalogIndex.from_rows(rows).search(np.zeros(64, np.int8), 3)


def test_classes_beyond_an_engines_largest_k_are_found_by_a_scan(fitted, monkeypatch):
    rows = rows_of(np.concatenate([np.zeros((80, 64)), np.ones((1, 64))]), classes=[1] * 80 + [2])
    monkeypatch.setattr(FaissFlat, "max_k", 30)
    engine = fitted("faiss", rows)
    engine.max_k = 30
    hits = EngineIndex(engine, rows).search(np.zeros(64, np.int8), 2)
    assert [(hit.class_id, hit.row_id, hit.distance) for hit in hits] == [(1, 3, 0), (2, 243, 64)]


def test_engines_say_what_they_are():
    for engine in (PlainEngine(), FaissFlat(), FaissHnswSq8()):
        engine.fit(rows_of(random_codes(10, 0)))
        assert engine.memory_bytes >= 640 and engine.description["device"] == "cpu"
        engine.close()
    device = DeviceEngine(CatalogIndex.from_rows(rows_of(random_codes(10, 0))), memory_bytes=640)
    assert device.memory_bytes == 640 and "hnswlib" in device.description
    device.close()
    with pytest.raises(ValueError, match="fit"):
        device.query(np.zeros(64, np.int8), 1)


def test_a_milvus_lite_that_came_up_broken_is_started_anew(monkeypatch):
    """As it does now and then without its memory manager; one that stays broken is an error."""
    MilvusFlat().close()
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    create, broken = MilvusClient.create_collection, [1]

    def create_or_fail(self, *arguments, **options):
        if broken and broken.pop():
            raise MilvusException(2000, "Mmap manager has not been init")
        return create(self, *arguments, **options)

    monkeypatch.setattr(MilvusClient, "create_collection", create_or_fail)
    engine = MilvusFlat()
    try:
        engine.fit(rows_of(random_codes(5, 7)))
        assert engine.query(random_codes(5, 7)[3], 1).distances.tolist() == [[0]]
        broken[:] = [1, 1]
        with pytest.raises(EngineError, match="Mmap manager"):
            engine.fit(rows_of(random_codes(5, 7)))
    finally:
        engine.close()

"""The contenders: engines that can also save what they hold, and load it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog_parts.sizes import EF_CONSTRUCTION, SEED
from catalog_server.engines.contract import Engine, Neighbours
from coindex.catalog.search import EXACT_BELOW, CatalogIndex
from coindex.catalog.shard import build_shard, read_shard, write_shard
from coindex.catalog.state import Rows
from coindex.codes import DIMENSIONS

TREES = 20


class Contender(Engine, Protocol):
    """An engine that is built, saved and, in another process, loaded: `load` takes the place of `fit`.

    Row ids are positions of the rows that it was fitted with. `modules` are what it imports and `packages` what pip
    calls them.
    """

    modules: tuple[str, ...]
    packages: str

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...

    def wait(self) -> None:
        """Return when nothing is loading any more."""
        ...

    @property
    def has_breadth(self) -> bool:
        """Whether a wider search finds more."""
        ...

    def set_breadth(self, ef: int) -> None: ...


class _Base:
    """What most contenders share. Their memory is measured from outside, as that of their process."""

    name: str
    modules: tuple[str, ...] = ()
    packages = ""
    exact = False
    by_class = False
    has_breadth = True
    max_k: int | None = None
    memory_bytes: int | None = None
    description: Mapping[str, str] = MappingProxyType({})

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        raise NotImplementedError

    def batch_query(self, codes: NDArray[np.int8], k: int) -> Neighbours:
        found = [self.query(code, k) for code in codes]
        return Neighbours(
            np.concatenate([each.row_ids for each in found]), np.concatenate([each.distances for each in found])
        )

    def wait(self) -> None:
        pass

    def set_breadth(self, ef: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def _found(row_ids: Any, distances: Any) -> Neighbours:
    """The answer to one query."""
    return Neighbours(np.asarray([row_ids], np.uint32), np.asarray([distances], np.int64))


class Coindex(_Base):
    """The compact catalogue as a device holds it; with few rows it looks at all of them."""

    name = "coindex"
    by_class = True
    exact_below = EXACT_BELOW

    def fit(self, rows: Rows) -> None:
        self._shard = build_shard(rows)

    def save(self, folder: Path) -> None:
        (folder / "0.coinshard").write_bytes(write_shard(self._shard))

    def load(self, folder: Path) -> None:
        shard = read_shard((folder / "0.coinshard").read_bytes())
        self._index = CatalogIndex([shard], exact_below=self.exact_below, background=True)

    def wait(self) -> None:
        self._index.wait()

    @property
    def has_breadth(self) -> bool:  # type: ignore[override]
        return len(self._index) >= self.exact_below

    def set_breadth(self, ef: int) -> None:
        self._index = self._index.with_ef(ef)

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        hits = self._index.search(code, k)
        return _found([hit.row_id for hit in hits], [hit.distance for hit in hits])


class CoindexGraph(Coindex):
    """The same, always by its graph."""

    name = "coindex-graph"
    exact_below = 0


class Hnswlib(_Base):
    """Stock hnswlib over the codes as float32, saved as it saves itself."""

    name = "hnswlib-m16"
    modules = ("hnswlib",)
    packages = "hnswlib"
    links = 16

    def fit(self, rows: Rows) -> None:
        import hnswlib

        self._index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        self._index.init_index(len(rows), M=self.links, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
        self._index.add_items(rows.codes.astype(np.float32), num_threads=1)

    def save(self, folder: Path) -> None:
        self._index.save_index(str(folder / "index"))

    def load(self, folder: Path) -> None:
        import hnswlib

        self._index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        self._index.load_index(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._index.set_ef(ef)

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        row_ids, distances = self._index.knn_query(code.astype(np.float32), k=k, num_threads=1)
        return _found(row_ids[0], distances[0])


class Hnswlib8(Hnswlib):
    name = "hnswlib-m8"
    links = 8


class Usearch(_Base):
    """USearch over the int8 codes, with few links as its size asks for."""

    name = "usearch-i8-m8"
    modules = ("usearch",)
    packages = "usearch"
    links = 8

    def fit(self, rows: Rows) -> None:
        from usearch.index import Index

        self._index = Index(
            ndim=DIMENSIONS, metric="l2sq", dtype="i8", connectivity=self.links, expansion_add=EF_CONSTRUCTION
        )
        self._index.add(np.arange(len(rows)), rows.codes, threads=1)

    def save(self, folder: Path) -> None:
        self._index.save(str(folder / "index"))

    def load(self, folder: Path) -> None:
        from usearch.index import Index

        self._index = Index.restore(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._index.expansion_search = ef

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        found = self._index.search(code, k, threads=1)
        return _found(found.keys, found.distances)


class FaissHnsw(_Base):
    """Faiss's HNSW over the codes as signed bytes, 8 links."""

    name = "faiss-hnsw8-sq8"
    modules = ("faiss",)
    packages = "faiss-cpu"

    def fit(self, rows: Rows) -> None:
        self._index = self._empty(self._one_thread())
        self._index.train(rows.codes[:1].astype(np.float32))
        self._index.add(rows.codes.astype(np.float32))

    def save(self, folder: Path) -> None:
        self._one_thread().write_index(self._index, str(folder / "index"))

    def load(self, folder: Path) -> None:
        self._index = self._one_thread().read_index(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._index.hnsw.efSearch = ef

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        distances, row_ids = self._index.search(code.astype(np.float32)[None], k)
        return _found(row_ids[0], distances[0])

    def _empty(self, faiss: Any) -> Any:
        index = faiss.IndexHNSWSQ(DIMENSIONS, faiss.ScalarQuantizer.QT_8bit_direct_signed, 8)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        return index

    @staticmethod
    def _one_thread() -> Any:
        import faiss

        faiss.omp_set_num_threads(1)
        return faiss


class FaissFlatSq8(FaissHnsw):
    name = "faiss-flat-sq8"
    exact = True
    has_breadth = False

    def _empty(self, faiss: Any) -> Any:
        return faiss.IndexScalarQuantizer(DIMENSIONS, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_L2)


class FaissFlat(FaissHnsw):
    name = "faiss-flat"
    exact = True
    has_breadth = False

    def _empty(self, faiss: Any) -> Any:
        return faiss.IndexFlatL2(DIMENSIONS)


class SqliteVec(_Base):
    """A table of sqlite-vec, which looks at every row."""

    name = "sqlite-vec"
    exact = True
    modules = ("sqlite_vec", "pysqlite3")
    packages = "sqlite-vec pysqlite3-binary"
    has_breadth = False

    def fit(self, rows: Rows) -> None:
        self._database = self._open(":memory:")
        self._database.execute(f"create virtual table rows using vec0(code int8[{DIMENSIONS}] distance_metric=l2)")
        table = ((row, code.tobytes()) for row, code in enumerate(rows.codes))
        self._database.executemany("insert into rows(rowid, code) values (?, vec_int8(?))", table)
        self._database.commit()

    def save(self, folder: Path) -> None:
        self._database.execute("vacuum into ?", (str(folder / "index"),))

    def load(self, folder: Path) -> None:
        self._database = self._open(str(folder / "index"))

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        words = "select rowid, distance from rows where code match vec_int8(?) and k = ? order by distance"
        found = self._database.execute(words, (code.tobytes(), k)).fetchall()
        # It answers with the root.
        return _found([row for row, _ in found], [round(distance**2) for _, distance in found])

    @staticmethod
    def _open(path: str) -> Any:
        # Python's own sqlite3 is often built without extensions.
        import sqlite_vec
        from pysqlite3 import dbapi2

        database = dbapi2.connect(path)
        database.enable_load_extension(True)
        sqlite_vec.load(database)
        return database


class Annoy(_Base):
    """Annoy's trees over the codes as float32."""

    name = "annoy"
    modules = ("annoy",)
    packages = "annoy"

    def fit(self, rows: Rows) -> None:
        self._index = self._empty()
        self._index.set_seed(SEED)
        for row, code in enumerate(rows.codes.astype(np.float32)):
            self._index.add_item(row, code)
        self._index.build(TREES, n_jobs=1)

    def save(self, folder: Path) -> None:
        self._index.save(str(folder / "index"))

    def load(self, folder: Path) -> None:
        self._index = self._empty()
        self._index.load(str(folder / "index"))

    def set_breadth(self, ef: int) -> None:
        self._nodes = TREES * ef

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        vector = code.astype(np.float32)
        found = self._index.get_nns_by_vector(vector, k, search_k=self._nodes, include_distances=True)
        # It answers with the root.
        return _found(found[0], np.rint(np.square(found[1])))

    @staticmethod
    def _empty() -> Any:
        from annoy import AnnoyIndex

        return AnnoyIndex(DIMENSIONS, "euclidean")


class FlatScan(_Base):
    """The codes alone on the wire; in memory as float32, of which numpy's BLAS computes every distance."""

    name = "numpy-flat"
    exact = True
    has_breadth = False

    def fit(self, rows: Rows) -> None:
        self._codes = rows.codes

    def save(self, folder: Path) -> None:
        np.save(folder / "index.npy", self._codes)

    def load(self, folder: Path) -> None:
        self._codes = np.load(folder / "index.npy").astype(np.float32)
        self._lengths = np.einsum("ij,ij->i", self._codes, self._codes)

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        asked = code.astype(np.float32)
        distances = self._lengths - self._codes @ (2 * asked)
        near = np.argpartition(distances, min(k, len(distances) - 1))[:k]
        near = near[np.argsort(distances[near])]
        return _found(near, distances[near] + asked @ asked)


CONTENDERS: Mapping[str, Callable[[], Contender]] = {
    contender.name: contender
    for contender in (
        Coindex,
        CoindexGraph,
        Hnswlib,
        Hnswlib8,
        Usearch,
        FaissHnsw,
        FaissFlatSq8,
        FaissFlat,
        SqliteVec,
        Annoy,
        FlatScan,
    )
}

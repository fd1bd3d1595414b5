"""Milvus: a FLAT index of float vectors, in a Milvus Lite file or on a server, by the same code."""

import logging
import logging.config
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog_server.engines.contract import NO_ROW, UNREACHED, Neighbours, checked, neighbours, optional, whole
from coindex.catalog.state import Rows
from coindex.codes import DIMENSIONS
from coindex.errors import EngineError

__all__ = ["MilvusFlat"]

MAX_K = 16_384
"""Milvus refuses a larger topk, and more queries in one call."""

BATCH = 10_000
"""Rows sent at once: 2.6 MB, where Milvus takes 64 MB at most."""

ANSWERS = 200_000
"""Neighbours asked for at once: a message holds about five times as many."""

CONNECT_SECONDS = 10.0
CALL_SECONDS = 600.0

SEARCH = {"metric_type": "L2"}
"""Milvus's L2 is the squared distance."""


class MilvusFlat:
    """A collection of its own, dropped on `close`.

    Args:
        uri: The address of a server, such as `http://127.0.0.1:19530`, or the path of a Milvus Lite file, which may not
            exist yet; None uses a temporary file.

    Raises:
        EngineError: If the server cannot be reached.
    """

    name = "milvus"
    exact = True
    by_class = False
    max_k: int | None = MAX_K

    def __init__(self, uri: str | None = None) -> None:
        with _logging_left_alone():
            pymilvus = optional("pymilvus", self.name)
        self._types = pymilvus.DataType
        self._connect = pymilvus.MilvusClient
        self._client: Any = None
        self._given = uri
        self._lite = uri is None or "://" not in uri
        self._collection = f"coindex_{uuid.uuid4().hex}"
        self._rows = 0
        if self._lite:
            optional("milvus_lite", self.name)
        self._open()

    def fit(self, rows: Rows) -> None:
        try:
            self._fit(rows)
        except EngineError:
            if self._given is not None:
                raise
            # Milvus Lite starts now and then without its memory manager ("Mmap manager has not been init", pymilvus
            # issue 2981), and then takes no row. Nothing is in its temporary file yet: another start mends it.
            self.close()
            self._open()
            self._fit(rows)

    def _fit(self, rows: Rows) -> None:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("row_id", self._types.INT64, is_primary=True)
        schema.add_field("code", self._types.FLOAT_VECTOR, dim=DIMENSIONS)
        index = self._client.prepare_index_params()
        index.add_index("code", index_type="FLAT", **SEARCH)
        with self._calls():
            # Session: a search sees every row that this client inserted, without Strong's wait of a fifth of a second.
            self._client.create_collection(
                self._collection, schema=schema, index_params=index, consistency_level="Session", timeout=CALL_SECONDS
            )
            for start in range(0, len(rows), BATCH):
                part = slice(start, start + BATCH)
                codes = rows.codes[part].astype(np.float32)
                entities = [
                    {"row_id": int(row_id), "code": code}
                    for row_id, code in zip(rows.row_ids[part], codes, strict=True)
                ]
                self._client.insert(self._collection, entities, timeout=CALL_SECONDS)
            if not self._lite:
                # Growing segments are searched too, but not by the index that is asked for.
                self._client.flush(self._collection, timeout=CALL_SECONDS)
        self._rows = len(rows)

    def query(self, code: NDArray[np.int8], k: int) -> Neighbours:
        return self.batch_query(code[None], k)

    def batch_query(self, codes: NDArray[np.int8], k: int) -> Neighbours:
        k = checked(codes, k, self, self._rows)
        row_ids = np.full((len(codes), k), NO_ROW, np.uint32)
        distances = np.zeros((len(codes), k), np.float64)
        step = min(max(ANSWERS // max(k, 1), 1), MAX_K)
        for start in range(0, len(codes) if k else 0, step):
            for query, hits in enumerate(self._search(codes[start : start + step], k), start=start):
                row_ids[query, : len(hits)] = [hit["id"] for hit in hits]
                distances[query, : len(hits)] = [hit["distance"] for hit in hits]
        integers = whole(distances, engine=self.name)
        return neighbours(row_ids, np.where(row_ids == NO_ROW, UNREACHED, integers))

    @property
    def memory_bytes(self) -> None:
        """Unknown: Milvus Lite and a server hold the rows in processes of their own."""
        return None

    @property
    def description(self) -> Mapping[str, str]:
        server = f"Milvus Lite {version('milvus-lite')}" if self._lite else self._server_version()
        return {"pymilvus": version("pymilvus"), "server": server, "device": "cpu", "index": "FLAT"}

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            # What a broken connection leaves behind is reported by the call that broke it.
            with _quiet():
                try:
                    client.drop_collection(self._collection, timeout=CONNECT_SECONDS)
                    client.close()
                except Exception:
                    pass
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> None:
        """Connect to what was named, or to a Milvus Lite in a new temporary file."""
        self._folder = None if self._given else Path(tempfile.mkdtemp(prefix="coindex-milvus-"))
        self._uri = self._given or str(self._folder and self._folder / "catalog.db")
        try:
            with self._calls():
                self._client = self._connect(self._uri, timeout=CONNECT_SECONDS)
        except BaseException:
            self.close()
            raise

    def _search(self, codes: NDArray[np.int8], k: int) -> Any:
        with self._calls():
            return self._client.search(
                self._collection,
                data=list(codes.astype(np.float32)),
                limit=k,
                anns_field="code",
                search_params=SEARCH,
                timeout=CALL_SECONDS,
            )

    def _server_version(self) -> str:
        with self._calls():
            return f"Milvus {self._client.get_server_version()} at {self._uri}"

    @contextmanager
    def _calls(self) -> Iterator[None]:
        """Say in one line what failed, where pymilvus logs tracebacks."""
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            with _quiet():
                yield
        except (MilvusException, RpcError, OSError) as error:
            where = "a Milvus Lite file that can be written" if self._lite else "a Milvus server"
            raise EngineError(f"milvus: {self._uri}: {error}; is it {where}?") from None


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    """pymilvus configures logging as it is imported. `dictConfig` closes every handler of the process for that, and
    absl's handler, which TensorFlow brings, then closes the stderr that it writes to."""
    configure = logging.config.dictConfig
    logging.config.dictConfig = lambda config: None
    try:
        yield
    finally:
        logging.config.dictConfig = configure


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("pymilvus", "pymilvus.decorators", "pymilvus.milvus_client")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled

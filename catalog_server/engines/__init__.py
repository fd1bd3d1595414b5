"""Search engines behind one contract: fit rows, query a code, query a batch. By `open_engine` each has a name.

`plain` is the reference; `hnsw` is what a phone runs; the others are independent implementations to hold it against.
"""

from collections.abc import Callable, Mapping

from catalog_server.engines.contract import Engine, Neighbours, resident_bytes
from catalog_server.engines.device import DeviceEngine, opened_device
from catalog_server.engines.faiss import FaissFlat, FaissHnswSq8
from catalog_server.engines.milvus import MilvusFlat
from catalog_server.engines.plain import PlainEngine
from catalog_server.engines.ranking import EngineIndex
from coindex.errors import EngineError

__all__ = [
    "ENGINES",
    "DeviceEngine",
    "Engine",
    "EngineIndex",
    "FaissFlat",
    "FaissHnswSq8",
    "MilvusFlat",
    "Neighbours",
    "PlainEngine",
    "open_engine",
    "opened_device",
    "resident_bytes",
]

ENGINES: Mapping[str, Callable[[], Engine]] = {
    engine.name: engine for engine in (DeviceEngine, FaissFlat, FaissHnswSq8, MilvusFlat, PlainEngine)
}
"""Every engine by its name."""


def open_engine(name: str, *, milvus_uri: str | None = None) -> Engine:
    """The engine of a name, without rows. Raises `EngineError` for an unknown name, for a Milvus server that cannot be
    reached and, naming the extra to install, where the engine's package is missing.

    `milvus_uri` is the address of a Milvus server or the path of a Milvus Lite file; None is a temporary file.
    """
    if name not in ENGINES:
        raise EngineError(f"there is no engine {name!r}; the engines are: {', '.join(ENGINES)}")
    return MilvusFlat(milvus_uri) if name == MilvusFlat.name else ENGINES[name]()

"""Search engines behind one contract: fit rows, query a code, query a batch. By `open_engine` each has a name.

`plain` is the reference; `hnsw` is what a phone runs; the others are independent implementations to hold it against.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from catalog_server.engines.contract import Engine, Neighbours, resident_bytes
from catalog_server.engines.device import DeviceEngine, opened_device
from catalog_server.engines.faiss import FaissFlat, FaissHnswSq8
from catalog_server.engines.milvus import MilvusFlat
from catalog_server.engines.plain import PlainEngine
from catalog_server.engines.ranking import EngineIndex
from coindex.errors import EngineError

__all__ = [
    "ENGINES",
    "ComparedEngine",
    "DeviceEngine",
    "Engine",
    "EngineIndex",
    "FaissFlat",
    "FaissHnswSq8",
    "MilvusFlat",
    "Neighbours",
    "PlainEngine",
    "Registered",
    "ServedEngine",
    "open_engine",
    "opened_device",
    "resident_bytes",
]


def _member(name: str) -> str:
    return name.upper().replace("-", "_")


@dataclass(frozen=True)
class Registered:
    """An engine, and where it can be used: by `coindex serve --engine` where `served`, beside the device's own in
    `coindex validate` where `compared`. `needs_extra` says that its packages come with an extra."""

    engine: type[DeviceEngine] | type[PlainEngine] | type[FaissFlat] | type[FaissHnswSq8] | type[MilvusFlat]
    served: bool = False
    compared: bool = False
    needs_extra: bool = False


ENGINES: Mapping[str, Registered] = {
    each.engine.name: each
    for each in (
        Registered(DeviceEngine, served=True),
        Registered(FaissFlat, served=True, compared=True, needs_extra=True),
        Registered(FaissHnswSq8, compared=True, needs_extra=True),
        Registered(MilvusFlat, served=True, compared=True, needs_extra=True),
        Registered(PlainEngine),
    )
}
"""Every engine by its name. What a command offers is taken from here."""

# mypy knows the members of enums that are written out, and no others.
ServedEngine = StrEnum(  # type: ignore[misc]
    "ServedEngine", {_member(name): name for name, each in ENGINES.items() if each.served}
)
"""What `coindex serve --engine` offers."""

ComparedEngine = StrEnum(  # type: ignore[misc]
    "ComparedEngine", {_member(name): name for name, each in ENGINES.items() if each.compared}
)
"""What `coindex validate` holds beside the device's own engine."""


def open_engine(name: str, *, milvus_uri: str | None = None) -> Engine:
    """An engine by its name, without rows.

    Args:
        milvus_uri: The address of a Milvus server, or the path of a Milvus Lite file; None is a temporary file.

    Raises:
        EngineError: If the name is unknown, the Milvus server cannot be reached, or the engine's package is missing;
            the message then names the extra to install.
    """
    if name not in ENGINES:
        raise EngineError(f"there is no engine {name!r}; the engines are: {', '.join(ENGINES)}")
    kind = ENGINES[name].engine
    return MilvusFlat(milvus_uri) if kind is MilvusFlat else kind()

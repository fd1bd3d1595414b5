"""Answers to photos on the server: a phone's way from photo to coins, its search done by an engine of choice."""

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, cast

from catalog_server.curation.decoding import PUBLIC_PIXELS, load_photo_alone
from catalog_server.engines import DeviceEngine, Engine, EngineIndex, ServedEngine, open_engine
from catalog_server.publishing.self_sync import open_as_device
from catalog_server.publishing.served import current_index, served_manifest
from catalog_server.store import Store
from coindex.catalog import CatalogIndex, LocalCatalog
from coindex.errors import CoindexError, EngineError
from coindex.models import Models
from coindex.photo import Photo
from coindex.recognizer import Answer, Recognizer

__all__ = ["PHOTOS_AT_ONCE", "Busy", "Identifier"]

log = logging.getLogger(__name__)


PHOTOS_AT_ONCE = 4
"""Photos of anybody that are answered or wait for it, in one process; one net answers one after the other."""


class Busy(EngineError):
    """As many photos wait as may; `retry_after` is in how many seconds there may be a place."""

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(f"the server answers as many photos as it can; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, eq=False)
class _Served:
    """A release with its nets, and the engine that holds its rows."""

    version: int
    recognizer: Recognizer
    engine: Engine


class Identifier:
    """Answers photos from the release that is served now, with its own models; any number of threads may ask at once.

    A new release is taken up by the first request after it; until the engine holds it, others are answered from the
    old one. A release that cannot be taken up is logged, and the old one stays.
    """

    def __init__(
        self,
        store: Store,
        engine: ServedEngine,
        *,
        milvus_uri: str | None = None,
        load_nets: Callable[[LocalCatalog], Models] = LocalCatalog.models,
    ) -> None:
        """Open the engine; the first question loads the release.

        Args:
            milvus_uri: The address of a Milvus server, for that engine.
            load_nets: Loads the nets of a catalogue.

        Raises:
            EngineError: If the engine cannot be opened.
        """
        self._store, self._engine, self._milvus_uri = store, engine, milvus_uri
        self._load_nets = load_nets
        self._home = tempfile.TemporaryDirectory(prefix="coindex-identify-")
        self._served: _Served | None = None
        self._refused: int | None = None
        self._refreshing = threading.Lock()
        # A net answers one photo at a time, and an engine is closed only when no search is in it.
        self._answering = threading.Lock()
        self._places = threading.BoundedSemaphore(PHOTOS_AT_ONCE)
        self._seconds = 0.0
        self._open_engine().close()

    def identify(self, photo: bytes, *, name: str) -> dict[str, Any] | None:
        """The document of `recognize --json`, and which `engine` answered; None where nothing is published yet.

        Returns:
            The document of `recognize --json`, and which `engine` answered; None where nothing is published yet.

        Raises:
            Busy: If `PHOTOS_AT_ONCE` photos are being answered already.
            PhotoError: If the bytes are not a photo.
            CoindexError: If the first release cannot be loaded, or the engine fails.
        """
        if not self._places.acquire(blocking=False):
            raise Busy(retry_after=max(1, ceil(self._seconds)))
        began = time.perf_counter()
        try:
            return self._identify(photo, name)
        finally:
            self._seconds = time.perf_counter() - began
            self._places.release()

    def _identify(self, photo: bytes, name: str) -> dict[str, Any] | None:
        began = time.perf_counter()
        decoded = load_photo_alone(photo, max_pixels=PUBLIC_PIXELS)
        decode_ms = (time.perf_counter() - began) * 1000
        found = self.answer(decoded)
        if found is None:
            return None
        answer, engine = found
        document = answer.as_json(name)
        document["timings_ms"] = {"decode": round(decode_ms, 2), **document["timings_ms"]}
        return {**document, "engine": engine}

    def answer(self, photo: Photo) -> tuple[Answer, dict[str, Any]] | None:
        """The coins of a photo, and which engine answered; None where nothing is published yet.

        Returns:
            The coins of a photo, and which engine answered; None where nothing is published yet.

        Raises:
            CoindexError: If the first release cannot be loaded, or the engine fails.
        """
        self._refresh()
        with self._answering:
            served = self._served
            if served is None:
                return None
            return served.recognizer.recognize(photo), {"name": self._engine, **served.engine.description}

    def close(self) -> None:
        """Free the engine and the device folder."""
        with self._refreshing, self._answering:
            if self._served is not None:
                self._served.engine.close()
            self._served = None
            self._home.cleanup()

    def _refresh(self) -> None:
        """Take up the served release where it is a new one; one thread does, those that have an old one go on."""
        index = current_index(self._store)
        if index is None:
            return
        version = served_manifest(self._store, index).version
        if self._is_settled(version):
            return
        if not self._refreshing.acquire(blocking=self._served is None):
            return
        try:
            if not self._is_settled(version):
                self._take_up(version)
        finally:
            self._refreshing.release()

    def _is_settled(self, version: int) -> bool:
        served = self._served
        return served is not None and version in (served.version, self._refused)

    def _take_up(self, version: int) -> None:
        try:
            fresh = self._open()
        except CoindexError as error:
            if self._served is None:
                raise
            self._refused = version
            log.error("release %d cannot be taken up, release %d stays: %s", version, self._served.version, error)
            return
        with self._answering:
            old, self._served = self._served, fresh
        if old is not None:
            old.engine.close()

    def _open(self) -> _Served:
        catalog = open_as_device(self._store, Path(self._home.name))
        models = self._load_nets(catalog)
        if self._engine == DeviceEngine.name:
            engine: Engine = DeviceEngine(catalog.index)
        else:
            engine = self._open_engine()
            try:
                rows = catalog.index.rows
                engine.fit(rows)
            except BaseException:
                engine.close()
                raise
            # A recogniser asks its catalogue's index for `rows`, `rows_of` and `search` alone.
            catalog = replace(catalog, index=cast(CatalogIndex, EngineIndex(engine, rows)))
        return _Served(catalog.manifest.version, Recognizer(catalog, models), engine)

    def _open_engine(self) -> Engine:
        return open_engine(self._engine, milvus_uri=self._milvus_uri)

"""The whole server of one process: the application, and what runs beside it as long as it does."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from catalog_server.curation.encoding import encoding_threads
from catalog_server.engines import DeviceEngine, ServedEngine
from catalog_server.engines.identify import Identifier
from catalog_server.jobs.caretaker import Caretaker
from catalog_server.jobs.kinds import handlers, helpers
from catalog_server.jobs.queue import Worker
from catalog_server.jobs.upkeep import renewal
from catalog_server.serving.settings import Settings
from catalog_server.signing import default_keys
from catalog_server.store import Store, open_store
from catalog_server.web.app import create_app
from catalog_server.web.curator import Curator

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["open_settings_store", "serving"]


def open_settings_store(settings: Settings, *, create: bool = False) -> Store:
    """The store that the settings name; with `create` it is made where there is none.

    Raises:
        StoreError: If there is none.
    """
    return open_store(settings.store, create=create, database_url=settings.database_url, photos_url=settings.photos_url)


@contextmanager
def serving(settings: Settings) -> Iterator["Flask"]:
    """The application of these settings; at the end of the block all that it held is closed.

    Raises:
        StoreError: If there is no store.
        EngineError: If the engine cannot be opened.
    """
    with ExitStack() as stack:
        store = open_settings_store(settings)
        stack.callback(store.close)
        # Curators may always try a photo; everybody may where an engine is named.
        engine = settings.engine or ServedEngine(DeviceEngine.name)
        identifier = Identifier(store, engine, milvus_uri=settings.milvus_uri)
        stack.callback(identifier.close)
        app = create_app(
            store,
            identifier=identifier if settings.engine else None,
            curator=Curator(store, identifier),
            proxies=settings.proxies,
            show_metrics=settings.metrics,
            take_proposals=settings.proposals,
        )
        if settings.jobs:
            keys = settings.keys or default_keys(store.folder)
            caretaker = Caretaker(store.folder, [renewal(store.releases, keys)])
            stack.callback(caretaker.stop)
            caretaker.start()
            # The processes of this machine share its cores; with SQLite one alone encodes.
            threads = encoding_threads(settings.workers if store.on_postgres else 1)
            done = handlers(keys, relief_references=settings.relief_references, threads=threads)
            worker = Worker(store, done, helpers(), threads=threads)
            stack.callback(worker.stop, settings.stop_seconds)
            worker.start()
        yield app

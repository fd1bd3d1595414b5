"""`coindex catalog work`: take part in imports and re-embeddings that other processes of the store lead."""

import signal
import threading
from typing import Annotated

import typer

from catalog_server.cli.options import StoreOption
from catalog_server.curation.encoding import encoding_threads
from catalog_server.jobs.kinds import helpers
from catalog_server.jobs.queue import Worker
from catalog_server.store import DATABASE_URL, open_store
from coindex.errors import StoreError

__all__ = ["work"]


def work(
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Photos to encode at once.", show_default="one more than there are cores"),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Encode photos for imports and re-embeddings that run elsewhere on the same PostgreSQL, until Ctrl-C.

    It needs no keys and publishes nothing. A server takes part by itself.
    """
    opened = open_store(store)
    try:
        if not opened.on_postgres:
            raise StoreError(
                f"{opened.folder}: a store on SQLite has one process that works; move it to PostgreSQL "
                f"({DATABASE_URL}) by a backup to let several"
            )
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        worker = Worker(opened, {}, helpers(), threads=threads or encoding_threads())
        worker.start()
        typer.echo("ready to take part; Ctrl-C ends it")
        ended.wait()
        worker.stop()
    finally:
        opened.close()

"""The status of the catalogue: the served release and the content of the store."""

from sqlalchemy import func, select

from catalog_server.publishing.served import current_index, published_release, served_manifest
from catalog_server.store import CoinRow, PhotoRow, Store
from catalog_server.web.documents import Held, Served, Status, document_of

__all__ = ["catalog_status"]


def catalog_status(store: Store, *, proposals: bool = False) -> Status:
    """The document of `/api/v1/catalog`.

    Args:
        store: The store.
        proposals: Whether the server accepts proposals from everybody.

    Raises:
        CoindexError: If the release that is served cannot be read.
    """
    index = current_index(store)
    release = None
    if index:
        served = served_manifest(store, index)
        release = document_of(Served, served, bytes=published_release(store, served, index).full_bytes)
    with store.reading() as session:
        rows = session.scalar(select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired))
        classes = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired))
        held = Held(rows=rows or 0, classes=classes or 0, space_id=store.space_id(session))
    return Status(release=release, store=held, proposals=proposals)

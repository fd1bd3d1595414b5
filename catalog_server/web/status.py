"""What is served, and what the store holds."""

from typing import Any

from sqlalchemy import func, select

from catalog_server.publisher import PublishedRelease, current_index, served_manifest
from catalog_server.store import CoinRow, PhotoRow, Store

__all__ = ["catalog_status"]


def catalog_status(store: Store) -> dict[str, Any]:
    """The document of `/api/v1/catalog`: `release`, None before the first, and `store`."""
    index = current_index(store)
    release: dict[str, Any] | None = None
    if index:
        served = served_manifest(store, index)
        names = ("version", "created", "space_id", "state_hash", "rows", "classes")
        release = {name: getattr(served, name) for name in names}
        release["bytes"] = PublishedRelease(served, index.targets).full_bytes
    with store.reading() as session:
        rows = session.scalar(select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired))
        classes = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired))
        return {
            "release": release,
            "store": {"rows": rows, "classes": classes, "space_id": store.space_id(session)},
        }

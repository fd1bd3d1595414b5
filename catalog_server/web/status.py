"""What is served, and what the store holds."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select

from catalog_server.publisher import current_index, served_manifest
from catalog_server.store import CoinRow, PhotoRow, Store
from coindex.catalog.release import MANIFEST_NAME

__all__ = ["catalog_status"]


def catalog_status(store: Store) -> dict[str, Any]:
    """The document of `/api/v1/catalog`: `release`, None before the first, and `store`."""
    index = current_index(store)
    release = None
    if index:
        served = served_manifest(store, index)
        manifest = asdict(served)
        names = ("version", "created", "space_id", "state_hash", "rows", "classes")
        release = {name: manifest[name] for name in names}
        deltas = {delta.name for delta in served.deltas}
        release["bytes"] = sum(index.targets[name].length for name in {MANIFEST_NAME, *served.files} - deltas)
    with store.reading() as session:
        rows = session.scalar(select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired))
        classes = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired))
        return {
            "release": release,
            "store": {"rows": rows, "classes": classes, "space_id": store.space_id(session)},
        }

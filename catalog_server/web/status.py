"""What is served, and what the store holds."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select

from catalog_server.publisher import current_index, served_manifest
from catalog_server.store import CoinRow, PhotoRow, Store

__all__ = ["catalog_status"]


def catalog_status(store: Store) -> dict[str, Any]:
    """The document of `/api/v1/catalog`: `release`, None before the first, and `store`."""
    index = current_index(store)
    release = None
    if index:
        manifest = asdict(served_manifest(store, index))
        names = ("version", "created", "space_id", "state_hash", "rows", "classes")
        release = {name: manifest[name] for name in names}
        deltas = {delta["name"] for delta in manifest["deltas"]}
        release["bytes"] = sum(target.length for name, target in index.targets.items() if name not in deltas)
    with store.reading() as session:
        rows = session.scalar(select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired))
        classes = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired))
        return {
            "release": release,
            "store": {"rows": rows, "classes": classes, "space_id": store.space_id(session)},
        }

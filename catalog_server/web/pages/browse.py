"""The catalogue, to look at."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy import func, select

from catalog_server.store import CoinRow, PhotoRow, Store
from catalog_server.web.answers import conditional
from catalog_server.web.status import catalog_status
from coindex.catalog.state import MAX_ID

__all__ = ["add_to"]

COINS_PER_PAGE = 60


def add_to(blueprint: Blueprint, store: Store) -> None:
    """`/`, the catalogue page by page, and the thumbnails that it shows."""

    @blueprint.get("/")
    def front() -> str:
        status = catalog_status(store)
        pages = max(1, -(-status["store"]["classes"] // COINS_PER_PAGE))
        page = min(max(1, request.args.get("page", 1, type=int)), pages)
        coins = _coins(store, page)
        return render_template("catalog.html", status=status, coins=coins, page=page, pages=pages, url=request.host_url)

    @blueprint.get(f"/thumbnails/<int(max={MAX_ID}):row_id>.webp")
    def thumbnail(row_id: int) -> Response:
        with store.reading() as session:
            picture = session.scalar(select(PhotoRow.thumbnail).where(PhotoRow.row_id == row_id, ~PhotoRow.retired))
        if picture is None:
            abort(404, "no such photo in the catalogue")
        return conditional(picture, "image/webp", "public, max-age=3600")


def _coins(store: Store, page: int) -> list[dict[str, Any]]:
    """The coins of one page, each with the row of its first photo and its number of photos."""
    photos = func.count(PhotoRow.row_id)
    query = (
        select(CoinRow, photos, func.min(PhotoRow.row_id))
        .join(PhotoRow)
        .where(~CoinRow.retired, ~PhotoRow.retired)
        .group_by(CoinRow.class_id)
        .order_by(CoinRow.country, CoinRow.currency, CoinRow.class_id)
    )
    with store.reading() as session:
        found = session.execute(query.limit(COINS_PER_PAGE).offset((page - 1) * COINS_PER_PAGE)).all()
        return [{**asdict(coin.record), "photos": count, "row_id": row_id} for coin, count, row_id in found]

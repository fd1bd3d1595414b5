"""The catalogue, to look at: for everybody what is live, for curators what is retired too."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from catalog_server.accounts import Role
from catalog_server.audit import audit_entries
from catalog_server.store import CoinRow, PhotoRow
from catalog_server.uploads import photo_mimetype
from catalog_server.web.answers import conditional
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import identity, needs
from catalog_server.web.status import catalog_status
from coindex.catalog.state import MAX_ID
from coindex.manifest import SIDES

__all__ = ["add_to"]

COINS_PER_PAGE = 60
NEWEST = 12
FILTERS = ("country", "currency", "denomination", "side")


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """`/`, `/coins`, the page of each coin, and its pictures."""
    store = curator.store

    @blueprint.get("/")
    def front() -> str:
        with store.reading() as session:
            newest = _listed(session, _query().where(~CoinRow.retired).order_by(CoinRow.class_id.desc()).limit(NEWEST))
        return render_template("front.html", status=catalog_status(store), coins=newest, url=request.host_url)

    @blueprint.get("/coins")
    def coins() -> str:
        chosen = {name: request.args.get(name, "").strip() for name in (*FILTERS, "q")}
        retired = bool(request.args.get("retired")) and identity() is not None
        wanted = _wanted(chosen, retired)
        with store.reading() as session:
            found = session.scalar(select(func.count(CoinRow.class_id)).where(*wanted)) or 0
            pages = max(1, -(-found // COINS_PER_PAGE))
            page = min(max(1, request.args.get("page", 1, type=int)), pages)
            query = _query().where(*wanted).order_by(CoinRow.country, CoinRow.currency, CoinRow.class_id)
            listed = _listed(session, query.limit(COINS_PER_PAGE).offset((page - 1) * COINS_PER_PAGE))
            choices = {name: _values(session, name) for name in FILTERS if name != "side"}
        here: dict[str, Any] = {name: value for name, value in {**chosen, "retired": retired and "1"}.items() if value}
        return render_template(
            "coins.html",
            coins=listed,
            found=found,
            chosen=chosen,
            retired=retired,
            choices={**choices, "side": list(SIDES)},
            page=page,
            pages=pages,
            page_url=lambda number: url_for("pages.coins", **{**here, "page": number}),
        )

    @blueprint.get(f"/coins/<int(max={MAX_ID}):class_id>")
    def coin(class_id: int) -> str:
        with store.reading() as session:
            row = session.get(CoinRow, class_id)
            if row is None or (row.retired and identity() is None):
                abort(404, f"there is no coin {class_id} in the catalogue")
            photos = [photo for photo in row.photos if identity() is not None or not photo.retired]
            entries = audit_entries(session, subject=f"coin:{class_id}") if identity() else ()
            return render_template("coin.html", coin=row, photos=photos, entries=entries, sides=SIDES)

    @blueprint.get(f"/thumbnails/<int(max={MAX_ID}):row_id>.webp")
    def thumbnail(row_id: int) -> Response:
        with store.reading() as session:
            query = select(PhotoRow.thumbnail).where(PhotoRow.row_id == row_id)
            picture = session.scalar(query if identity() else query.where(~PhotoRow.retired))
        if picture is None:
            abort(404, "no such photo in the catalogue")
        return conditional(picture, "image/webp", "private, max-age=3600")

    @blueprint.get(f"/photos/<int(max={MAX_ID}):row_id>")
    @needs(Role.CURATOR)
    def photo(row_id: int) -> Response:
        with store.reading() as session:
            row = session.get(PhotoRow, row_id)
            if row is None:
                abort(404, f"there is no photo {row_id}")
            data = store.photos.get(row.photo_sha256)
        return conditional(data, photo_mimetype(data), "private, max-age=3600")


def _query() -> Select[CoinRow, int, int | None]:
    """Coins, each with the number of its live photos and the first of them."""
    return (
        select(CoinRow, func.count(PhotoRow.row_id), func.min(PhotoRow.row_id))
        .outerjoin(PhotoRow, (PhotoRow.class_id == CoinRow.class_id) & (PhotoRow.retired == CoinRow.retired))
        .group_by(CoinRow.class_id)
    )


def _listed(session: Session, query: Select[CoinRow, int, int | None]) -> list[dict[str, Any]]:
    return [
        {**asdict(coin.record), "retired": coin.retired, "photos": photos, "row_id": row_id}
        for coin, photos, row_id in session.execute(query)
    ]


def _wanted(chosen: dict[str, str], retired: bool) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [CoinRow.retired.is_(retired)]
    wanted += [getattr(CoinRow, name) == chosen[name] for name in FILTERS if chosen[name]]
    for word in chosen["q"].split():
        wanted.append(
            or_(CoinRow.name.icontains(word, autoescape=True), CoinRow.design.icontains(word, autoescape=True))
        )
    return wanted


def _values(session: Session, name: str) -> list[str]:
    column = getattr(CoinRow, name)
    return list(session.scalars(select(column).where(~CoinRow.retired).distinct().order_by(column)))

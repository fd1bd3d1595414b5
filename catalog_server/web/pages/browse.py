"""The catalogue to browse: `/`, `/coins`, the page of each coin, and its pictures. Everybody sees live coins; curators
also see retired ones."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from flask import Response, abort, render_template, request, url_for
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from catalog_server.accounts.accounts import Role
from catalog_server.curation.many import NAMED_FIELDS
from catalog_server.curation.packs import REST, name_of, pack_names
from catalog_server.curation.uploads import photo_mimetype
from catalog_server.store import CoinRow, PhotoRow
from catalog_server.web.answers import conditional
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.coin_page import coin_page
from catalog_server.web.security import identity, needs
from catalog_server.web.state import state
from catalog_server.web.status import catalog_status
from coindex.catalog.state import MAX_ID
from coindex.manifest import REQUIRED_LABEL_FIELDS, SIDES
from coindex.text import plain

COINS_PER_PAGE = 60
NEWEST = 12
FILTERS = REQUIRED_LABEL_FIELDS
PHOTOS = func.count(PhotoRow.row_id)
SORTS: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "country": ("by country", (CoinRow.country, CoinRow.currency, CoinRow.class_id)),
    "name": ("by name", (CoinRow.name, CoinRow.side, CoinRow.class_id)),
    "new": ("newest first", (CoinRow.class_id.desc(),)),
    "changed": ("changed last first", (CoinRow.updated.desc(), CoinRow.class_id.desc())),
    "few": ("fewest photos first", (PHOTOS, CoinRow.class_id)),
    "many": ("most photos first", (PHOTOS.desc(), CoinRow.class_id)),
}
"""Orders of the list. The first one is the default."""
BY_PHOTOS = ("few", "many")
"""Orders that must count the photos of all coins."""


@pages.get("/")
def front() -> str:
    with state().store.reading() as session:
        newest = _listed(
            session, select(CoinRow.class_id).where(~CoinRow.retired).order_by(CoinRow.class_id.desc()), NEWEST
        )
    return render_template("front.html", status=catalog_status(state().store), coins=newest, url=request.host_url)


@pages.get("/coins")
def coins() -> str:
    chosen = chosen_filters(request.args)
    retired = bool(request.args.get("retired")) and identity() is not None
    wanted = wanted_coins(chosen, retired)
    sort = request.args.get("sort", "")
    sort = sort if sort in SORTS else next(iter(SORTS))
    with state().store.reading() as session:
        found = session.scalar(select(func.count(CoinRow.class_id)).where(*wanted)) or 0
        last = max(1, -(-found // COINS_PER_PAGE))
        page = min(max(1, request.args.get("page", 1, type=int)), last)
        query = select(CoinRow.class_id).where(*wanted).order_by(*SORTS[sort][1])
        if sort in BY_PHOTOS:
            query = _with_photos(query).group_by(CoinRow.class_id)
        listed = _listed(session, query.offset((page - 1) * COINS_PER_PAGE), COINS_PER_PAGE)
        choices = {name: _values(session, name) for name in FILTERS if name != "side"}
        packs = {key: names for key, names in pack_names(session).items() if key != REST}
    kept = {**chosen, "retired": retired and "1", "sort": sort != next(iter(SORTS)) and sort}
    here: dict[str, Any] = {name: value for name, value in kept.items() if value}
    return render_template(
        "coins.html",
        coins=listed,
        found=found,
        chosen=chosen,
        retired=retired,
        choices={**choices, "side": list(SIDES)},
        page=page,
        pages=last,
        here=here,
        sort=sort,
        sorts={name: words for name, (words, _) in SORTS.items()},
        named_fields=NAMED_FIELDS,
        packs={pack_id: name_of(names) for pack_id, names in packs.items()},
        page_url=lambda number: url_for("pages.coins", **{**here, "page": number}),
    )


@pages.get(f"/coins/<int(max={MAX_ID}):class_id>")
def coin(class_id: int) -> str:
    return coin_page(class_id)


@pages.get(f"/thumbnails/<int(max={MAX_ID}):row_id>.webp")
def thumbnail(row_id: int) -> Response:
    with state().store.reading() as session:
        query = select(PhotoRow.thumbnail).where(PhotoRow.row_id == row_id)
        picture = session.scalar(query if identity() else query.where(~PhotoRow.retired))
    if picture is None:
        abort(404, "no such photo in the catalogue")
    return conditional(picture, "image/webp", "private, max-age=3600")


@pages.get(f"/photos/<int(max={MAX_ID}):row_id>")
@needs(Role.CURATOR)
def photo(row_id: int) -> Response:
    with state().store.reading() as session:
        row = session.get(PhotoRow, row_id)
        if row is None:
            abort(404, f"there is no photo {row_id}")
        data = state().store.photos.get(row.photo_sha256)
    return conditional(data, photo_mimetype(data), "private, max-age=3600")


def _with_photos(query: Any) -> Any:
    """Coins joined with their photos: live photos of live coins, retired photos of retired ones."""
    return query.outerjoin(PhotoRow, (PhotoRow.class_id == CoinRow.class_id) & (PhotoRow.retired == CoinRow.retired))


def _listed(session: Session, query: Select[int], limit: int) -> list[dict[str, Any]]:
    """The first coins of a query of ids, each with the number of its photos and its first photo. Only photos of these
    coins are counted."""
    ids = list(session.scalars(query.limit(limit)))
    counted = _with_photos(select(CoinRow, PHOTOS, func.min(PhotoRow.row_id))).where(CoinRow.class_id.in_(ids))
    found = {
        coin.class_id: {**coin.record.document(), "retired": coin.retired, "photos": photos, "row_id": row_id}
        for coin, photos, row_id in session.execute(counted.group_by(CoinRow.class_id))
    }
    return [found[class_id] for class_id in ids]


def chosen_filters(given: Mapping[str, str]) -> dict[str, str]:
    """The search terms, by the names of `FILTERS` and `q`."""
    asked = {name: given.get(name, "").strip() for name in (*FILTERS, "q")}
    return {name: unicodedata.normalize("NFC", value) for name, value in asked.items()}


def wanted_coins(chosen: Mapping[str, str], retired: bool) -> list[ColumnElement[bool]]:
    """The conditions of the coins that a search finds."""
    wanted: list[ColumnElement[bool]] = [CoinRow.retired.is_(retired)]
    wanted += [getattr(CoinRow, name) == chosen[name] for name in FILTERS if chosen[name]]
    wanted += [CoinRow.words.contains(plain(word), autoescape=True) for word in chosen["q"].split()]
    return wanted


def _values(session: Session, name: str) -> list[str]:
    column = getattr(CoinRow, name)
    return list(session.scalars(select(column).where(~CoinRow.retired).distinct().order_by(column)))

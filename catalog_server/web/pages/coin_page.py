"""The page of a coin, opened directly or after one of its forms failed."""

from collections.abc import Mapping

from flask import abort, render_template, request
from sqlalchemy import func, select

from catalog_server.store import CoinRow, PhotoRow
from catalog_server.store.audit import audit_entries
from catalog_server.web.pages.told import told_entries
from catalog_server.web.security import identity
from catalog_server.web.state import state
from coindex.facts import FACTS, written_facts
from coindex.manifest import LABEL_FIELDS, SIDES

__all__ = ["coin_page"]

PHOTOS_PER_PAGE = 60


def coin_page(class_id: int, *, problem: str = "", stale: str = "", yours: Mapping[str, str] | None = None) -> str:
    """A coin with a page of its photos.

    Args:
        class_id: The class.
        problem: Why a form failed.
        stale: Who else changed the coin in the meantime.
        yours: The fields of an edit that failed. The form keeps them.
    """
    with state().store.reading() as session:
        coin = session.get(CoinRow, class_id)
        if coin is None or (coin.retired and identity() is None):
            abort(404, f"there is no coin {class_id} in the catalogue")
        shown = [PhotoRow.class_id == class_id, *(() if identity() else (~PhotoRow.retired,))]
        count = session.scalar(select(func.count(PhotoRow.row_id)).where(*shown)) or 0
        last = max(1, -(-count // PHOTOS_PER_PAGE))
        page = min(max(1, request.args.get("photos", 1, type=int)), last)
        query = select(PhotoRow).where(*shown).order_by(PhotoRow.row_id).limit(PHOTOS_PER_PAGE)
        photos = list(session.scalars(query.offset((page - 1) * PHOTOS_PER_PAGE)))
        entries = told_entries(session, audit_entries(session, subject=f"coin:{class_id}")) if identity() else []
        now = {name: getattr(coin, name) for name in (*LABEL_FIELDS, "design")} | written_facts(coin.told)
        given = dict(yours or {})
        return render_template(
            "coin.html",
            coin=coin,
            photos=photos,
            count=count,
            page=page,
            pages=last,
            page_url=lambda number: f"?photos={number}#photos",
            entries=entries,
            sides=SIDES,
            problem=problem,
            stale=stale,
            values=now if stale else {**now, **given},
            told={name: given.get(name, now.get(name, "")) for name in FACTS} if given and not stale else coin.told,
            changed={name: value for name, value in given.items() if value != now.get(name, "")},
            editing=bool(given),
        )

"""`/quality`: probable mistakes in the whole catalogue, each with a way to correct it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role
from catalog_server.curation.near_names import near_classes, spellings
from catalog_server.curation.quality import Findings, confirm_photos, confirmed_photos, kept_findings
from catalog_server.curation.steps import counted
from catalog_server.jobs.kinds import submit_quality
from catalog_server.jobs.queue import list_jobs
from catalog_server.store import AuditRow, CoinRow, PhotoRow
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.steps import read_ids
from catalog_server.web.security import needs, signed_in
from catalog_server.web.state import state
from coindex.errors import ManifestError
from coindex.manifest import LABEL_FIELDS, CoinClass

PER_PAGE = 48
SECTIONS: Mapping[str, str] = {
    "photos": "Photos of another coin?",
    "twins": "One photo in two classes",
    "classes": "Classes that are confused",
    "names": "Names that are nearly the same",
    "sides": "Missing sides",
    "single": "A single photo",
}


@dataclass(frozen=True)
class _Coin:
    """A class as the page shows it. `row_id` is one of its photos, None if it has none."""

    class_id: int
    name: str
    side: str
    row_id: int | None


@pages.get("/quality")
@needs(Role.CURATOR)
def quality() -> str:
    what = request.args.get("what", "")
    what = what if what in SECTIONS else next(iter(SECTIONS))
    found = kept_findings(state().store)
    with state().store.reading() as session:
        listed = _SECTIONS[what](session, found) if found or what in ("names", "sides") else []
        last = max(1, -(-len(listed) // PER_PAGE))
        page = min(max(1, request.args.get("page", 1, type=int)), last)
        shown = listed[(page - 1) * PER_PAGE : page * PER_PAGE]
        coins = _coins(session, _named(what, shown))
    running = next((job.job_id for job in list_jobs(state().store) if job.kind == "quality" and not job.is_over), None)
    return render_template(
        "quality.html",
        what=what,
        sections=SECTIONS,
        found=found,
        count=len(listed),
        shown=shown,
        coins=coins,
        running=running,
        page=page,
        pages=last,
        page_url=lambda number: url_for("pages.quality", what=what, page=number),
    )


@pages.post("/quality")
@needs(Role.CURATOR)
def look_for_mistakes() -> AnyResponse:
    job_id = submit_quality(state().store, actor=signed_in().actor)
    return redirect(url_for("pages.job", job_id=job_id), 303)


@pages.post("/quality/right")
@needs(Role.CURATOR)
def photos_are_right() -> Response | AnyResponse:
    row_ids = read_ids(",".join(request.form.getlist("photo")))
    if not row_ids:
        raise ManifestError("no photo was chosen; go back and tick the photos that are right")
    count = confirm_photos(state().store, row_ids, actor=signed_in().actor)
    flash(f"{counted(count, 'photo')} will not be shown here again.", "good")
    return redirect(url_for("pages.quality"), 303)


def _suspects(session: Session, found: Findings) -> list[Any]:
    live, right = (
        _live(session, ((each.row_id, each.nearer_row_id) for each in found.suspects)),
        confirmed_photos(session),
    )
    return [each for each in found.suspects if {each.row_id, each.nearer_row_id} <= live and each.row_id not in right]


def _twins(session: Session, found: Findings) -> list[Any]:
    live = _live(session, ((each.row_id, each.other_row_id) for each in found.pairs))
    return [each for each in found.pairs if {each.row_id, each.other_row_id} <= live]


def _taken(session: Session, found: Findings) -> list[Any]:
    live = set(session.scalars(select(CoinRow.class_id).where(~CoinRow.retired)))
    return [each for each in found.taken if {each.class_id, each.other_class_id} <= live]


def _single(session: Session, found: Findings) -> list[Any]:
    query = select(PhotoRow.class_id).where(~PhotoRow.retired).group_by(PhotoRow.class_id).having(func.count() == 1)
    alone = set(session.scalars(query))
    return [each for each in found.singles if each.class_id in alone]


def _names(session: Session, _: Findings | None) -> list[Any]:
    """Spellings of a field, then classes with similar names. They are computed again after each entry in the log."""
    last = session.scalar(select(func.max(AuditRow.audit_id)))
    return state().near_names.of(last, lambda: _near_names(session))


def _near_names(session: Session) -> list[Any]:
    groups: list[Any] = []
    for field in ("country", "currency"):
        column = getattr(CoinRow, field)
        counts = session.execute(select(column, func.count()).where(~CoinRow.retired).group_by(column))
        groups += [{"field": field, "values": group} for group in spellings({row[0]: row[1] for row in counts})]
    columns = [getattr(CoinRow, name) for name in LABEL_FIELDS]
    rows = session.execute(select(*columns, CoinRow.class_id).where(~CoinRow.retired))
    labels = {CoinClass(*label): class_id for *label, class_id in rows}
    return [*groups, *({"classes": group} for group in near_classes(labels))]


def _sides(session: Session, _: Findings | None) -> list[Any]:
    """Classes whose other side is not in the catalogue."""
    columns = [getattr(CoinRow, name) for name in LABEL_FIELDS]
    rows = session.execute(select(CoinRow.class_id, *columns).where(~CoinRow.retired).order_by(CoinRow.class_id))
    sides: dict[tuple[str, ...], dict[str, int]] = {}
    for class_id, *coin, side in rows:
        sides.setdefault(tuple(coin), {})[side] = class_id
    other = {"obverse": "reverse", "reverse": "obverse"}
    return [
        {"class_id": class_id, "missing": other[side], "label": coin}
        for coin, there in sides.items()
        for side, class_id in there.items()
        if len(there) == 1 and side in other
    ]


_SECTIONS: Mapping[str, Any] = {
    "photos": _suspects,
    "twins": _twins,
    "classes": _taken,
    "names": _names,
    "sides": _sides,
    "single": _single,
}


def _live(session: Session, pairs: Iterable[tuple[int, int]]) -> set[int]:
    """The photos of these pairs that are in the catalogue. `MOST` findings name at most twice as many."""
    asked = {row_id for pair in pairs for row_id in pair}
    return set(session.scalars(select(PhotoRow.row_id).where(~PhotoRow.retired, PhotoRow.row_id.in_(asked))))


def _named(what: str, shown: Sequence[Any]) -> set[int]:
    """The classes that a section names."""
    if what == "names":
        return {class_id for each in shown for class_id in each.get("classes", ())}
    if what == "sides":
        return {each["class_id"] for each in shown}
    names = ("class_id", "other_class_id", "nearer_class_id")
    return {getattr(each, name) for each in shown for name in names if hasattr(each, name)}


def _coins(session: Session, class_ids: Iterable[int]) -> dict[int, _Coin]:
    ids = list(class_ids)
    first = select(PhotoRow.class_id, func.min(PhotoRow.row_id)).where(~PhotoRow.retired, PhotoRow.class_id.in_(ids))
    rows = {row[0]: row[1] for row in session.execute(first.group_by(PhotoRow.class_id))}
    query = select(CoinRow.class_id, CoinRow.name, CoinRow.side).where(CoinRow.class_id.in_(ids))
    return {
        row.class_id: _Coin(row.class_id, row.name, row.side, rows.get(row.class_id)) for row in session.execute(query)
    }

"""`/audit`: who changed what and when, for everything or for one subject."""

from typing import Any

from flask import abort, render_template, request, url_for
from sqlalchemy import select

from catalog_server.accounts.accounts import Role
from catalog_server.store import AuditRow
from catalog_server.store.audit import audit_entries
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.told import KINDS, told_entries
from catalog_server.web.security import needs
from catalog_server.web.state import state
from coindex.catalog.state import MAX_ID

ENTRIES = 100


@pages.get("/audit")
@needs(Role.CURATOR)
def audit() -> str:
    chosen = {name: request.args.get(name) or None for name in ("subject", "actor")}
    before = _before(request.args.get("before"))
    kind = request.args.get("kind", "")
    actions = KINDS[kind][1] if kind in KINDS else ()
    with state().store.reading() as session:
        entries = audit_entries(session, **chosen, actions=actions, before=before, limit=ENTRIES)
        told = told_entries(session, entries)
        actors = list(session.scalars(select(AuditRow.actor).distinct().order_by(AuditRow.actor)))
    where: dict[str, Any] = {name: value for name, value in {**chosen, "kind": kind}.items() if value}
    older = len(entries) == ENTRIES and url_for("pages.audit", **where, before=entries[-1].audit_id)
    kinds = {name: words for name, (words, _) in KINDS.items()}
    page = {"entries": told, "chosen": chosen, "kind": kind, "kinds": kinds, "actors": actors, "older": older}
    return render_template("audit.html", **page)


def _before(asked: str | None) -> int | None:
    if not asked:
        return None
    if not (asked.isascii() and asked.isdigit() and len(asked) <= len(str(MAX_ID)) and 1 <= int(asked) <= MAX_ID):
        abort(400, f"before: expected a whole number from 1 to {MAX_ID}")
    return int(asked)

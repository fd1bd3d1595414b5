"""The audit log: who changed what and when."""

from typing import Any

from flask import Blueprint, render_template, request, url_for

from catalog_server.accounts import Role
from catalog_server.audit import audit_entries
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import needs

__all__ = ["add_to"]

ENTRIES = 100


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """`/audit`, of everything or of one subject."""

    @blueprint.get("/audit")
    @needs(Role.CURATOR)
    def audit() -> str:
        chosen = {name: request.args.get(name) or None for name in ("subject", "actor")}
        before = request.args.get("before", type=int)
        with curator.store.reading() as session:
            entries = audit_entries(session, **chosen, before=before, limit=ENTRIES)
        where: dict[str, Any] = {name: value for name, value in chosen.items() if value}
        older = len(entries) == ENTRIES and url_for("pages.audit", **where, before=entries[-1].audit_id)
        return render_template("audit.html", entries=entries, chosen=chosen, older=older)

"""`/publish` and `/releases-history`: the unpublished changes, the releases, and the return to one of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role
from catalog_server.curation.changes import Changes, bring_back, changes
from catalog_server.curation.packs import name_of, pack_names, parted
from catalog_server.curation.steps import preview, take_step
from catalog_server.jobs.kinds import submit_publish, submit_validation
from catalog_server.publishing.served import (
    MIN_RECALL,
    EarlierStates,
    PublishedRelease,
    published_releases,
    published_state,
)
from catalog_server.store import AuditRow, Store
from catalog_server.validation.served import validation_page
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.security import needs, signed_in
from catalog_server.web.state import state
from coindex.catalog import CatalogState, CoinRecord, state_hash
from coindex.errors import StaleChange, StoreError

VERSION = "<int(max=2147483647):version>"
LISTED = 50
"""The most coins that the page names for each kind of change. The counts include all of them."""
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""A validation's page has its own style and no scripts."""


@pages.get("/publish")
@needs(Role.CURATOR)
def publishing() -> str:
    return _publish_page()


def _publish_page(problem: str = "") -> str:
    releases, unpublished = published_releases(state().store), _unpublished(state().store)
    return render_template(
        "publish.html",
        changes=unpublished.changes,
        repacked=unpublished.repacked,
        moved=unpublished.moved,
        empty=not unpublished.state_hash,
        releases=releases,
        validated={found.manifest.version: _is_validated(state().store, found) for found in releases},
        listed=LISTED,
        least=MIN_RECALL,
        seen=unpublished.state_hash,
        problem=problem,
    )


@pages.post("/publish")
@needs(Role.PUBLISHER)
def publish_now() -> AnyResponse | tuple[str, int]:
    seen = request.form.get("seen")
    if seen is not None and seen != _unpublished(state().store).state_hash:
        return _publish_page(
            "The catalogue changed in the meantime, so nothing was published. Check the changes and publish again."
        ), 409
    override = request.form.get("override", "").strip() or None
    return _follow(submit_publish(state().store, actor=signed_in().actor, override=override))


@pages.post("/validations")
@needs(Role.CURATOR)
def validate_now() -> AnyResponse:
    return _follow(submit_validation(state().store, actor=signed_in().actor))


@pages.get(f"/releases-history/{VERSION}/validation")
@needs(Role.CURATOR)
def validation(version: int) -> Response:
    page: Path | None = validation_page(state().store, version)
    if page is None:
        abort(404, f"release {version} was not validated; start a validation on the page Publish")
    return Response(page.read_bytes(), mimetype="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


@pages.get(f"/releases-history/{VERSION}/bring-back")
@needs(Role.PUBLISHER)
def look_back(version: int) -> str | tuple[str, int]:
    return _look_back_page(version)


@pages.post(f"/releases-history/{VERSION}/bring-back")
@needs(Role.PUBLISHER)
def bring_back_(version: int) -> AnyResponse | str | tuple[str, int]:
    actor, store = signed_in().actor, state().store
    plan = bring_back(published_state(store, version), version=version)
    try:
        done = take_step(store, plan, actor=actor, digest=request.form.get("digest", ""))
    except StaleChange as error:
        return _look_back_page(version, problem=str(error), status=409)
    flash(f"{done.told}. It is being published as a new release.", "good")
    return _follow(submit_publish(store, actor=actor, step_id=done.step_id))


def _look_back_page(version: int, *, problem: str = "", status: int = 200) -> str | tuple[str, int]:
    """A preview of bringing a release back, and the unpublished edits that it would remove."""
    store = state().store
    found = preview(store, bring_back(published_state(store, version), version=version))
    page = {
        "version": version,
        "found": found,
        "unpublished": _unpublished(store).changes,
        "problem": problem,
        "listed": LISTED,
    }
    return render_template("bring_back.html", **page), status


@dataclass(frozen=True)
class _Unpublished:
    """The changes of the next release, whether its packs differ, the coins that change packs with both names, and
    its state hash, empty for an empty catalogue."""

    changes: Changes
    repacked: bool
    moved: tuple[tuple[CoinRecord, str, str], ...]
    state_hash: str


def _unpublished(store: Store) -> _Unpublished:
    """The changes of the next release, computed again after each entry in the log: every change has an entry."""
    served = published_releases(store)[:1]
    with store.reading() as session:
        last = session.scalar(select(func.max(AuditRow.audit_id)))

    def make() -> _Unpublished:
        with store.reading() as session:
            now = store.state(session)
            repacked = now is not None and _packs_of(session, now) != _served_packs(served)
            moved = _moved(store, session, served, now)
        reached = state_hash(now) if now else ""
        return _Unpublished(_since_served(store, served, now, reached), repacked or bool(moved), moved, reached)

    return state().unpublished.of((last, served and served[0].manifest.state_hash), make)


def _since_served(
    store: Store, releases: tuple[PublishedRelease, ...], now: CatalogState | None, reached: str
) -> Changes:
    """The changes of the next release, whose state hash is `reached`, since the served one. The rows of the served one
    are read only if its state differs. If its files are damaged, everything counts as a change."""
    served = releases[0].manifest if releases else None
    if served is None or served.state_hash == reached:
        return changes(now if served else None, now)
    try:
        return changes(published_state(store, served.version, known=now.records.values() if now else ()), now)
    except StoreError:
        return changes(None, now)


def _packs_of(session: Session, now: CatalogState) -> dict[str, Any]:
    """The packs of the next release."""
    names, found = pack_names(session), {}
    for pack_id, classes in parted(session, now.records).items():
        countries = sorted({now.records[class_id].country for class_id in classes})
        rows = int(np.isin(now.rows.class_ids, sorted(classes)).sum())
        found[pack_id] = (dict(names[pack_id]), countries, len(classes), rows)
    return found


def _moved(
    store: Store, session: Session, releases: tuple[PublishedRelease, ...], now: CatalogState | None
) -> tuple[tuple[CoinRecord, str, str], ...]:
    """The coins that are in a pack of the served release, and would be in another one of the next."""
    if now is None or not releases or not releases[0].packs:
        return ()
    names = {pack_id: name_of(called) for pack_id, called in pack_names(session).items()}
    before = EarlierStates(store, now.records.values()).packs_of_classes(releases[0])
    after = {class_id: pack_id for pack_id, found in parted(session, now.records).items() for class_id in found}
    called = {pack.pack_id: name_of(pack.names) for pack in releases[0].packs}
    return tuple(
        (now.records[class_id], called[before[class_id]], names[pack_id])
        for class_id, pack_id in sorted(after.items())
        if before.get(class_id, pack_id) != pack_id
    )


def _served_packs(releases: tuple[PublishedRelease, ...]) -> dict[str, Any]:
    packs = releases[0].packs if releases else ()
    return {pack.pack_id: (dict(pack.names), list(pack.countries), pack.classes, pack.rows) for pack in packs}


def _is_validated(store: Store, release: PublishedRelease) -> bool:
    return validation_page(store, release.manifest.version) is not None


def _follow(job_id: int) -> AnyResponse:
    return redirect(url_for("pages.job", job_id=job_id), 303)

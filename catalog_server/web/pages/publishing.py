"""Publishing: what would change, the releases so far, and the way back to one of them."""

from pathlib import Path

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts import Role
from catalog_server.changes import Changes, changes, roll_back
from catalog_server.job_kinds import submit_publish, submit_validation
from catalog_server.publisher import MIN_RECALL, PublishedRelease, published_releases, published_state
from catalog_server.store import Store
from catalog_server.validated import validation_page
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import needs, signed_in
from coindex.catalog import CatalogState, state_hash
from coindex.errors import StoreError

__all__ = ["add_to"]

VERSION = "<int(max=2147483647):version>"
LISTED = 50
"""Coins that the page names for each kind of change; it counts all."""
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""A validation's page carries its own style, and nothing that runs."""


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """`/publish` and `/releases-history`."""
    store = curator.store

    @blueprint.get("/publish")
    @needs(Role.CURATOR)
    def publishing() -> str:
        releases = published_releases(store)
        with store.reading() as session:
            now = store.state(session)
        return render_template(
            "publish.html",
            changes=_since_served(store, releases, now),
            empty=now is None,
            releases=releases,
            validated={found.manifest.version: _is_validated(store, found) for found in releases},
            listed=LISTED,
            least=MIN_RECALL,
        )

    @blueprint.post("/publish")
    @needs(Role.PUBLISHER)
    def publish_now() -> AnyResponse:
        override = request.form.get("override", "").strip() or None
        return _follow(submit_publish(store, actor=signed_in().actor, override=override))

    @blueprint.post("/validations")
    @needs(Role.CURATOR)
    def validate_now() -> AnyResponse:
        return _follow(submit_validation(store, actor=signed_in().actor))

    @blueprint.get(f"/releases-history/{VERSION}/validation")
    @needs(Role.CURATOR)
    def validation(version: int) -> Response:
        page: Path | None = validation_page(store, version)
        if page is None:
            abort(404, f"release {version} was not validated")
        return Response(page.read_bytes(), mimetype="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    @blueprint.post(f"/releases-history/{VERSION}/bring-back")
    @needs(Role.PUBLISHER)
    def bring_back(version: int) -> AnyResponse:
        actor = signed_in().actor
        done = roll_back(store, published_state(store, version), version=version, actor=actor)
        flash(
            f"The catalogue is that of release {version} again: {done.photos_restored} photos brought back, "
            f"{done.photos_retired} retired. It is being published as a new release.",
            "good",
        )
        return _follow(submit_publish(store, actor=actor))


def _since_served(store: Store, releases: tuple[PublishedRelease, ...], now: CatalogState | None) -> Changes:
    """What a release would change. The served one's rows are read only where its state is another; where its files are
    damaged, everything is a change."""
    served = releases[0].manifest if releases else None
    if served is not None and now is not None and served.state_hash == state_hash(now):
        return changes(now, now)
    try:
        return changes(published_state(store, served.version) if served else None, now)
    except StoreError:
        return changes(None, now)


def _is_validated(store: Store, release: PublishedRelease) -> bool:
    return validation_page(store, release.manifest.version) is not None


def _follow(job_id: int) -> AnyResponse:
    return redirect(url_for("pages.job", job_id=job_id), 303)

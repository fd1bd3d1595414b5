"""The routes for an operator's tools: is the server alive, is it ready, what has it done."""

import contextlib
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, jsonify
from sqlalchemy import func, select, text

from catalog_server import signing
from catalog_server.publishing.served import current_index, served_manifest
from catalog_server.store import CoinRow, JobRow, PhotoRow, ReleaseRow, Store
from catalog_server.store.store import HEAD
from catalog_server.web.prometheus import Gauge
from catalog_server.web.state import state
from coindex.errors import CoindexError

__all__ = ["operations", "store_gauges"]

LEAST_LEFT = timedelta(days=1)
"""A timestamp is renewed after half of its week. If one day is left, the renewal has failed for days."""

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


operations = Blueprint("operations", __name__)
"""`/healthz`, `/readyz`, and `/metrics` if it is on."""


@operations.get("/healthz")
def health() -> Response:
    return Response("ok\n", mimetype="text/plain")


@operations.get("/readyz")
def ready() -> Response:
    checks = {name: _told(check, state().store) for name, check in CHECKS.items()}
    is_ready = all(check["ok"] for check in checks.values())
    response = jsonify({"ready": is_ready, "checks": checks})
    response.status_code = 200 if is_ready else 503
    response.headers["Cache-Control"] = "no-store"
    return response


@operations.get("/metrics")
def measured() -> Response:
    metrics = state().metrics
    if metrics is None:
        abort(404, "metrics are switched off")
    return Response(metrics.render(), content_type=PROMETHEUS)


def store_gauges(store: Store) -> Iterable[Gauge]:
    """The values of the store, read at each scrape."""
    with store.reading() as session:
        rows = session.scalar(select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired)) or 0
        classes = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired)) or 0
        jobs = session.execute(select(JobRow.kind, JobRow.state, func.count()).group_by(JobRow.kind, JobRow.state))
        by_state = [((kind, state), float(count)) for kind, state, count in jobs]
        releases = session.scalar(select(func.count(ReleaseRow.version))) or 0
        version = session.scalar(select(func.max(ReleaseRow.version))) or 0
    yield "coindex_store_photos", "Reference photos in the catalogue.", (), [((), rows)]
    yield "coindex_store_classes", "Coin classes in the catalogue.", (), [((), classes)]
    yield "coindex_jobs", "Background jobs.", ("kind", "state"), by_state
    yield "coindex_releases", "Releases published.", (), [((), releases)]
    yield "coindex_release_version", "The newest release.", (), [((), version)]
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(store.folder).free
        yield "coindex_store_free_bytes", "Free space on the disk of the store's folder.", (), [((), free)]
    expires = _timestamp_expires(store)
    if expires is not None:
        words = "The time from which phones refuse to sync unless the timestamp is renewed, in seconds since 1970."
        yield "coindex_timestamp_expires_seconds", words, (), [((), expires.timestamp())]


def _check_database(store: Store) -> str:
    with store.reading() as session:
        found = session.scalar(text("SELECT version_num FROM alembic_version"))
    if found != HEAD:
        raise CoindexError(f"its tables have layout {found}, this coindex needs {HEAD}; restart the server")
    return f"tables have layout {found}"


def _check_release(store: Store) -> str:
    index = current_index(store)
    return f"release {served_manifest(store, index).version}" if index else "nothing is published yet"


def _check_timestamp(store: Store) -> str:
    expires = _timestamp_expires(store)
    if expires is None:
        return "nothing is published yet"
    left = expires - datetime.now(UTC)
    if left < LEAST_LEFT:
        raise CoindexError(
            f"phones refuse to sync after {expires:%Y-%m-%d %H:%M} UTC: the server cannot renew the timestamp; see its "
            "log for the reason, or sign by hand with `coindex catalog keys renew`"
        )
    return f"valid until {expires:%Y-%m-%d %H:%M} UTC"


def _timestamp_expires(store: Store) -> datetime | None:
    served = signing.current(store.releases)
    return served.timestamp.expires if served and served.timestamp else None


CHECKS: dict[str, Callable[[Store], str]] = {
    "database": _check_database,
    "release": _check_release,
    "timestamp": _check_timestamp,
}


def _told(check: Callable[[Store], str], store: Store) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": check(store)}
    except (CoindexError, OSError, KeyError) as error:
        return {"ok": False, "detail": str(error)}

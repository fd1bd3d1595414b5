"""The web server: releases as static files, a page that shows the catalogue, and its status for machines."""

import re
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, abort, jsonify, render_template, request, send_file
from sqlalchemy import func, select
from werkzeug.exceptions import HTTPException

from catalog_server.publisher import current_index, served_manifest, targets_folder
from catalog_server.store import CoinRow, PhotoRow, Store
from coindex.catalog.release import PLAIN_NAME
from coindex.catalog.state import MAX_ID

__all__ = ["create_app"]

COINS_PER_PAGE = 60
TARGET = re.compile(rf"([0-9a-f]{{64}})\.{PLAIN_NAME.pattern}")

IMMUTABLE = "public, max-age=31536000, immutable"
"""For what lies under its content's hash: it never changes."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(store: Store) -> Flask:
    """The application that serves a store. Everything it offers is read-only."""
    app = Flask(__name__)

    @app.get("/releases/metadata/current.json")
    def release_index() -> Response:
        path = store.releases / "metadata" / "current.json"
        if not path.is_file():
            abort(404, "no release is published yet")
        return _conditional(path.read_bytes(), "application/json", "no-cache")

    @app.get("/releases/targets/<name>")
    def release_target(name: str) -> Response:
        match = TARGET.fullmatch(name)
        path = targets_folder(store) / name
        if not match or not path.is_file():
            abort(404, "no such file in any release")
        response = send_file(path.resolve(), mimetype="application/octet-stream", etag=match[1], conditional=True)
        response.headers["Cache-Control"] = IMMUTABLE
        return response

    @app.get("/api/v1/catalog")
    def catalog_status() -> Response:
        return jsonify(_status(store))

    @app.get(f"/thumbnails/<int(max={MAX_ID}):row_id>.webp")
    def thumbnail(row_id: int) -> Response:
        with store.reading() as session:
            picture = session.scalar(select(PhotoRow.thumbnail).where(PhotoRow.row_id == row_id, ~PhotoRow.retired))
        if picture is None:
            abort(404, "no such photo in the catalogue")
        return _conditional(picture, "image/webp", "public, max-age=3600")

    @app.get("/healthz")
    def health() -> Response:
        with store.reading() as session:
            session.scalar(select(func.count(CoinRow.class_id)))
        return Response("ok\n", mimetype="text/plain")

    @app.get("/")
    def front_page() -> str:
        status = _status(store)
        pages = max(1, -(-status["store"]["classes"] // COINS_PER_PAGE))
        page = min(max(1, request.args.get("page", 1, type=int)), pages)
        coins = _coins(store, page)
        return render_template("catalog.html", status=status, coins=coins, page=page, pages=pages, url=request.host_url)

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> Response | HTTPException:
        if not request.path.startswith("/api/"):
            return error
        status = HTTPStatus(error.code or 500)
        document = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status,
            "detail": error.description,
        }
        response = jsonify(document)
        response.status_code, response.mimetype = status, "application/problem+json"
        # What the error itself has to say, such as the methods that are allowed.
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    return app


def _conditional(data: bytes, mimetype: str, cache_control: str) -> Response:
    """Bytes with an ETag of their content; 304 to who has them already."""
    response = Response(data, mimetype=mimetype)
    response.add_etag()
    response.headers["Cache-Control"] = cache_control
    response.make_conditional(request)
    return response


def _status(store: Store) -> dict[str, Any]:
    """What is served, and what the store holds."""
    index = current_index(store)
    release = None
    if index:
        manifest = asdict(served_manifest(store, index))
        names = ("version", "created", "space_id", "state_hash", "rows", "classes")
        release = {name: manifest[name] for name in names}
        release["bytes"] = sum(target.length for target in index.targets.values())
    with store.reading() as session:
        rows = session.scalar(select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired))
        classes = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired))
        return {
            "release": release,
            "store": {"rows": rows, "classes": classes, "space_id": store.space_id(session)},
        }


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

"""`/api/v1/`: machines read the catalogue here and change it.

Reading needs no account. A change needs an API token (`Authorization: Bearer …`) of a curator, or of a publisher for
releases. Browser sessions are not accepted here, so a page of another origin cannot change anything.
"""

import functools
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, abort, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable

from catalog_server.accounts.accounts import Role
from catalog_server.curation import coins as curation
from catalog_server.curation import photos as photo_curation
from catalog_server.curation.encoding import encode_file
from catalog_server.curation.photos import NewPhoto
from catalog_server.curation.uploads import MAX_PHOTO_BYTES, photo_anew
from catalog_server.engines.identify import Busy
from catalog_server.jobs import queue
from catalog_server.jobs.kinds import submit_publish
from catalog_server.store import CoinRow, PhotoRow, ReleaseRow
from catalog_server.store.audit import audit_entries
from catalog_server.web import documents
from catalog_server.web.described import DescribedBlueprint, token_holder
from catalog_server.web.openapi import openapi
from catalog_server.web.state import state
from catalog_server.web.status import catalog_status
from coindex.catalog.state import MAX_ID
from coindex.errors import CoindexError, PhotoError
from coindex.manifest import LABEL_FIELDS, CoinClass

__all__ = ["api", "identify_api"]

ANYONE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Apps of other origins may read everything that is public."""

api = DescribedBlueprint("api", __name__, url_prefix="/api/v1")
"""The operations below `/api/v1/` of every server."""

identify_api = DescribedBlueprint("identify_api", __name__, url_prefix="/api/v1")
"""The operations of a server with an engine."""


open_to_all = functools.partial(api.operation, "GET")
curated = functools.partial(api.operation, role=Role.CURATOR)


@api.after_request
@identify_api.after_request
def readable(response: Response) -> Response:
    """Allow other origins to read public answers, and clients to keep them."""
    if request.method in ("GET", "HEAD") and "Authorization" not in request.headers:
        response.headers.update(ANYONE)
        if response.status_code == HTTPStatus.OK:
            response.headers["Cache-Control"] = "no-cache"
            response.add_etag()
            response.make_conditional(request)
    else:
        response.headers["Cache-Control"] = "no-store"
    return response


@open_to_all("/openapi.json", "This document", None)
def description() -> ResponseReturnValue:
    return jsonify(openapi(*(each for each in current_app.blueprints.values() if isinstance(each, DescribedBlueprint))))


@open_to_all("/catalog", "What is served, and what the store holds", documents.Status, told="The status.")
def status() -> ResponseReturnValue:
    return catalog_status(state().store, proposals=state().takes_proposals)


@open_to_all("/coins", "Coins by class", documents.Coins, told="A page.", query=documents.CoinPage)
def coins(query: documents.CoinPage) -> ResponseReturnValue:
    limit = query.get("limit", documents.LIMIT)
    exactly = {name: value for name, value in query.items() if name in (*LABEL_FIELDS, "design")}
    wanted = [getattr(CoinRow, name) == value for name, value in exactly.items()]
    after = CoinRow.class_id > query.get("after", 0)
    chosen = select(CoinRow).where(~CoinRow.retired, after, *wanted).order_by(CoinRow.class_id)
    with state().store.reading() as session:
        found = list(session.scalars(chosen.limit(limit + 1)))
        counts = _photo_counts(session, found)
        listed = [_coin(coin, counts.get(coin.class_id, 0)) for coin in found[:limit]]
    return documents.Coins(coins=listed, next=listed[-1]["class_id"] if len(found) > limit else None)


@curated(
    "POST",
    "/coins",
    "Add a coin",
    documents.ChangedCoin,
    told="The coin.",
    problems=(409,),
    status=201,
    body=documents.NewCoin,
)
def add_coin(body: documents.NewCoin) -> ResponseReturnValue:
    label = _label(body, {"variant": ""})
    design, facts = body.get("design", ""), body.get("facts")
    class_id, _ = curation.add_coin(state().store, label, actor=_actor(), design=design, facts=facts)
    return _changed_coin(class_id), 201, {"Location": url_for("api.coin", class_id=class_id)}


@open_to_all("/coins/<int:class_id>", "A coin with its photos", documents.WholeCoin, problems=(404,))
def coin(class_id: int) -> ResponseReturnValue:
    return _whole_coin(class_id)


@curated(
    "PATCH", "/coins/<int:class_id>", "Edit a coin", documents.ChangedCoin, problems=(404, 409), body=documents.CoinEdit
)
def edit_coin(class_id: int, body: documents.CoinEdit) -> ResponseReturnValue:
    # Another edit can come between this read and the change. Its new revision then rejects this edit.
    label, design, facts = _label(body, _whole_coin(class_id)), body.get("design"), body.get("facts")
    store, revision = state().store, body["revision"]
    curation.edit_coin(store, class_id, revision=revision, actor=_actor(), label=label, design=design, facts=facts)
    return _changed_coin(class_id)


@curated(
    "DELETE",
    "/coins/<int:class_id>",
    "Retire a coin with its photos",
    documents.WholeCoin,
    told="The retired coin.",
    problems=(404, 409),
    query=documents.Revision,
)
def retire_coin(class_id: int, query: documents.Revision) -> ResponseReturnValue:
    _whole_coin(class_id)
    curation.retire_coin(state().store, class_id, actor=_actor(), revision=query.get("revision"))
    return _whole_coin(class_id)


@curated(
    "POST", "/coins/<int:class_id>/restore", "Bring a retired coin back", documents.ChangedCoin, problems=(404, 409)
)
def restore_coin(class_id: int) -> ResponseReturnValue:
    _whole_coin(class_id)
    curation.restore_coin(state().store, class_id, actor=_actor())
    return _changed_coin(class_id)


@curated(
    "POST",
    "/coins/<int:class_id>/photos",
    "Add a photo, of which the largest coin counts; the server re-encodes it and keeps no metadata",
    documents.Photo,
    problems=(404, 409, 503),
    status=201,
    query=documents.Description,
    takes_photo=True,
)
def add_photo(class_id: int, query: documents.Description) -> ResponseReturnValue:
    _whole_coin(class_id)
    sent, _ = _photo_sent()
    data = photo_anew(sent)
    encoded = encode_file(data, state().curator.encoders())
    photo = NewPhoto(data, "photo", encoded.thumbnail, encoded.codes, maps=encoded.maps, **query)
    added = photo_curation.add_photos(state().store, class_id, [photo], actor=_actor())
    if not added.row_ids:
        abort(409, "the class has this photo already")
    return _photo(added.row_ids[0]), 201, {"Location": url_for("api.coin", class_id=class_id)}


@curated(
    "PATCH",
    "/photos/<int:row_id>",
    "Say which specimen and year a photo shows",
    documents.Photo,
    problems=(404, 409),
    body=documents.PhotoEdit,
)
def edit_photo(row_id: int, body: documents.PhotoEdit) -> ResponseReturnValue:
    _photo(row_id)
    photo_curation.edit_photo(state().store, row_id, actor=_actor(), **body)
    return _photo(row_id)


@curated(
    "DELETE", "/photos/<int:row_id>", "Retire a photo", documents.Photo, told="The retired photo.", problems=(404, 409)
)
def retire_photo(row_id: int) -> ResponseReturnValue:
    _photo(row_id)
    photo_curation.retire_photo(state().store, row_id, actor=_actor())
    return _photo(row_id)


@curated("POST", "/photos/<int:row_id>/restore", "Bring a retired photo back", documents.Photo, problems=(404, 409))
def restore_photo(row_id: int) -> ResponseReturnValue:
    _photo(row_id)
    photo_curation.restore_photo(state().store, row_id, actor=_actor())
    return _photo(row_id)


@curated("GET", "/audit", "Who changed what, newest first", documents.Audit, told="A page.", query=documents.Before)
def audit(query: documents.Before) -> ResponseReturnValue:
    limit = query.get("limit", documents.LIMIT)
    with state().store.reading() as session:
        found = audit_entries(session, before=query.get("before"), limit=limit + 1)
    listed = [documents.document_of(documents.AuditEntry, entry) for entry in found[:limit]]
    return documents.Audit(entries=listed, next=listed[-1]["audit_id"] if found[limit:] else None)


@open_to_all("/releases", "Releases, newest first", documents.Releases, told="A page.", query=documents.Before)
def releases(query: documents.Before) -> ResponseReturnValue:
    limit, before = query.get("limit", documents.LIMIT), query.get("before", MAX_ID)
    chosen = select(ReleaseRow).where(ReleaseRow.version < before).order_by(ReleaseRow.version.desc())
    with state().store.reading() as session:
        listed = [documents.document_of(documents.Release, row) for row in session.scalars(chosen.limit(limit + 1))]
    return documents.Releases(releases=listed[:limit], next=listed[limit - 1]["version"] if listed[limit:] else None)


@api.operation(
    "POST",
    "/releases",
    "Publish the catalogue, as a background job",
    documents.Job,
    told="The waiting job.",
    status=202,
    role=Role.PUBLISHER,
    body=documents.Publish,
    body_needed=False,
)
def publish(body: documents.Publish) -> ResponseReturnValue:
    job_id = submit_publish(state().store, actor=_actor(), override=body.get("override"))
    return _job(job_id), 202, {"Location": url_for("api.job", job_id=job_id)}


@open_to_all("/releases/<int:version>", "A release", documents.Release, problems=(404,))
def release(version: int) -> ResponseReturnValue:
    with state().store.reading() as session:
        row = session.get(ReleaseRow, version) if version <= MAX_ID else None
        if row is None:
            abort(404, f"there is no release {version}")
        return documents.document_of(documents.Release, row)


@curated("GET", "/jobs", "Background jobs, newest first", documents.Jobs, told="The jobs.", query=documents.Page)
def jobs(query: documents.Page) -> ResponseReturnValue:
    found = queue.list_jobs(state().store, limit=query.get("limit", documents.LIMIT))
    return documents.Jobs(jobs=[documents.document_of(documents.Job, each) for each in found])


@curated("GET", "/jobs/<int:job_id>", "A background job", documents.Job, problems=(404,))
def job(job_id: int) -> ResponseReturnValue:
    return _job(job_id)


@curated("DELETE", "/jobs/<int:job_id>", "Cancel a job", documents.Job, told="The cancelled job.", problems=(404, 409))
def end_job(job_id: int) -> ResponseReturnValue:
    if _job(job_id)["kind"] == "publish" and not token_holder().role.may(Role.PUBLISHER):
        abort(403, "only a publisher can cancel a publication")
    queue.cancel_job(state().store, job_id, actor=_actor())
    return _job(job_id)


@identify_api.operation(
    "POST", "/identify", "The coins in a photo", documents.Answer, told="The coins.", problems=(503,), takes_photo=True
)
def identify() -> ResponseReturnValue:
    """The coins in a photo, which is the body or the only file of a form."""
    identifier = state().identifier
    assert identifier is not None, "the blueprint is registered where there is one"
    photo, name = _photo_sent()
    try:
        answer = identifier.identify(photo, name=name)
    except PhotoError:
        raise
    except Busy as busy:
        raise ServiceUnavailable(str(busy), retry_after=busy.retry_after) from None
    except CoindexError:
        current_app.logger.exception("a photo could not be answered")
        abort(500, "the server cannot answer photos now; ask its operator to look at its log")
    if answer is None:
        abort(503, "no release is published yet; publish one with `coindex catalog publish`")
    return answer


def _actor() -> str:
    return token_holder().actor


def _photo_sent() -> tuple[bytes, str]:
    """The bytes and the name of the photo of a request."""
    if (request.content_length or 0) > MAX_PHOTO_BYTES:
        abort(
            413,
            f"the photo has {request.content_length} bytes, at most {MAX_PHOTO_BYTES} are allowed; send a smaller copy",
        )
    if request.mimetype == "multipart/form-data":
        files = list(request.files.values())
        if len(files) != 1:
            abort(400, f"the form has {len(files)} files; send one photo")
        photo, name = files[0].read(), files[0].filename or "photo"
    else:
        photo, name = request.get_data(cache=False), "photo"
    if not photo:
        abort(400, "no photo: send an image file as the body, or as the only file of a form")
    return photo, name


def _label(given: Mapping[str, Any], otherwise: Mapping[str, Any]) -> CoinClass:
    return CoinClass(**{name: given[name] if name in given else otherwise[name] for name in LABEL_FIELDS})


def _photo_counts(session: Session, coins: list[CoinRow]) -> dict[int, int]:
    ids = [coin.class_id for coin in coins]
    live = select(PhotoRow.class_id, func.count().label("photos")).where(PhotoRow.class_id.in_(ids), ~PhotoRow.retired)
    return {row.class_id: row.photos for row in session.execute(live.group_by(PhotoRow.class_id))}


def _coin(coin: CoinRow, photos: int) -> documents.Coin:
    return documents.document_of(documents.Coin, coin, photo_count=photos)


def _whole_coin(class_id: int) -> documents.WholeCoin:
    """A class with its photos."""
    with state().store.reading() as session:
        coin = session.get(CoinRow, class_id) if class_id <= MAX_ID else None
        if coin is None:
            abort(404, f"there is no class {class_id}")
        photos = [_photo_document(photo) for photo in coin.photos]
        return documents.WholeCoin(**_coin(coin, sum(not photo.retired for photo in coin.photos)), photos=photos)


def _changed_coin(class_id: int) -> documents.ChangedCoin:
    warnings = curation.name_warnings(state().store, class_id)
    return documents.ChangedCoin(**_whole_coin(class_id), warnings=warnings)


def _photo(row_id: int) -> documents.Photo:
    with state().store.reading() as session:
        photo = session.get(PhotoRow, row_id) if row_id <= MAX_ID else None
        if photo is None:
            abort(404, f"there is no photo {row_id}")
        return _photo_document(photo)


def _photo_document(photo: PhotoRow) -> documents.Photo:
    return documents.document_of(documents.Photo, photo, thumbnail=f"/thumbnails/{photo.row_id}.webp")


def _job(job_id: int) -> documents.Job:
    found = queue.find_job(state().store, job_id) if job_id <= MAX_ID else None
    if found is None:
        abort(404, f"there is no job {job_id}")
    return documents.document_of(documents.Job, found)

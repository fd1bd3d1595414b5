"""`/imports` and `/jobs/N`: upload an archive or a folder of photos, check it, import it, and follow the jobs."""

import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from flask import Response, abort, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role
from catalog_server.curation.import_check import CheckedImport, read_checked
from catalog_server.curation.kept_encodings import ENCODED, KeptEncodings
from catalog_server.curation.partial_uploads import (
    PIECE_BYTES,
    add_piece,
    begin_upload,
    drop_upload,
    received,
    whole_upload,
)
from catalog_server.curation.uploads import (
    MAX_ARCHIVE_BYTES,
    MAX_ENTRIES,
    ReadFile,
    discarded_on_failure,
    take_in,
    unpack,
)
from catalog_server.jobs.kinds import new_staging_folder, staged_folder, submit_check, submit_import
from catalog_server.jobs.queue import Job, cancel_job, find_job, list_jobs
from catalog_server.web.answers import conditional
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.rendering import without_paths
from catalog_server.web.security import needs, signed_in, takes
from catalog_server.web.state import state
from coindex.errors import CoindexError, ManifestError, PhotoError

JOB_ID = "<int(max=2147483647):job_id>"
UPLOAD = "/uploads/<string(maxlength=64):upload_id>"
SHA256 = re.compile("[0-9a-f]{64}")
LISTED = 200
"""The most classes and lines of an upload that its page shows. The counts include all of them."""


@pages.get("/imports")
@needs(Role.CURATOR)
def imports() -> str:
    return render_template("imports.html", jobs=list_jobs(state().store), piece=PIECE_BYTES)


@pages.post("/imports")
@takes(MAX_ARCHIVE_BYTES, parts=MAX_ENTRIES)
@needs(Role.CURATOR)
def start_import() -> AnyResponse:
    archive, files = request.files.get("archive"), _sent_folder()
    upload_id = request.form.get("upload", "")
    if not files and not upload_id and (archive is None or not archive.filename):
        raise ManifestError("nothing was uploaded: choose a ZIP or a folder with manifest.csv and its photos")
    with discarded_on_failure(new_staging_folder(state().store)) as folder:
        if files:
            take_in(files, folder)
        elif upload_id:
            with whole_upload(state().store, upload_id, actor=signed_in().actor).open("rb") as file:
                unpack(file, folder)
            drop_upload(state().store, upload_id, actor=signed_in().actor)
        elif archive is not None:
            unpack(archive.stream, folder)
        job_id = submit_check(state().store, folder, actor=signed_in().actor)
    return redirect(url_for("pages.job", job_id=job_id), 303)


@pages.post("/uploads")
@needs(Role.CURATOR)
def begin_upload_() -> Response:
    size = request.form.get("size", default=0, type=int)
    upload_id = begin_upload(state().store, size, actor=signed_in().actor)
    return jsonify({"piece": url_for("pages.add_piece_", upload_id=upload_id), "upload": upload_id, "received": 0})


@pages.get(f"{UPLOAD}.json")
@needs(Role.CURATOR)
def upload_received(upload_id: str) -> Response | tuple[Response, int]:
    try:
        here, size = received(state().store, upload_id, actor=signed_in().actor)
    except ManifestError as error:
        return jsonify({"problem": str(error)}), 404
    return jsonify({"received": here, "size": size})


@pages.post(UPLOAD)
@takes(PIECE_BYTES + (1 << 16))
@needs(Role.CURATOR)
def add_piece_(upload_id: str) -> Response | tuple[Response, int]:
    offset, actor = request.args.get("offset", default=-1, type=int), signed_in().actor
    try:
        here = add_piece(state().store, upload_id, offset, request.get_data(cache=False), actor=actor)
    except CoindexError as error:
        return jsonify({"problem": str(error)}), 409
    return jsonify({"received": here})


@pages.get(f"/imports/{JOB_ID}")
@needs(Role.CURATOR)
def look_at_import(job_id: int) -> str:
    _, checked = _checked(job_id)
    return render_template("import_check.html", job=_found(job_id), checked=checked, listed=LISTED)


@pages.post(f"/imports/{JOB_ID}")
@needs(Role.CURATOR)
def import_checked(job_id: int) -> AnyResponse:
    folder, checked = _checked(job_id)
    if checked.problems and not request.form.get("skip_bad"):
        raise ManifestError(
            "some lines cannot be used: tick the box to leave them out, or correct them and upload everything again"
        )
    # This is the last use of the upload: a second import would not find it.
    running = submit_import(state().store, folder, actor=signed_in().actor, skip_bad=bool(checked.problems))
    return redirect(url_for("pages.job", job_id=running), 303)


@pages.post(f"/imports/{JOB_ID}/discard")
@needs(Role.CURATOR)
def discard_import(job_id: int) -> AnyResponse:
    folder, _ = _checked(job_id)
    shutil.rmtree(folder, ignore_errors=True)
    flash("The upload was deleted. Nothing was imported.", "good")
    return redirect(url_for("pages.imports"), 303)


@pages.get(f"/imports/{JOB_ID}/photos/<sha256>.webp")
@needs(Role.CURATOR)
def staged_photo(job_id: int, sha256: str) -> Response:
    folder, _ = _checked(job_id)
    picture = KeptEncodings(folder / ENCODED).thumbnail(sha256) if SHA256.fullmatch(sha256) else None
    if picture is None:
        abort(404, "no such photo in this upload")
    return conditional(picture, "image/webp", "private, max-age=3600")


@pages.get(f"/jobs/{JOB_ID}")
@needs(Role.CURATOR)
def job(job_id: int) -> str:
    found = _found(job_id)
    ready = found.kind == "check" and found.state == "done" and _upload(found) is not None
    return render_template("job.html", job=found, ready=ready)


@pages.get(f"/jobs/{JOB_ID}.json")
@needs(Role.CURATOR)
def job_status(job_id: int) -> Response:
    found = _found(job_id)
    return jsonify(_shown(found))


@pages.post(f"/jobs/{JOB_ID}/cancel")
@needs(Role.CURATOR)
def stop_job(job_id: int) -> AnyResponse:
    cancel_job(state().store, job_id, actor=signed_in().actor)
    flash("Cancelled. Nothing was changed.", "good")
    return redirect(url_for("pages.job", job_id=job_id), 303)


def _sent_folder() -> dict[str, ReadFile]:
    """The files of a folder that a browser sent, by their paths, which are only keys here, never paths on a disk."""

    def reader(file: FileStorage) -> ReadFile:
        def read(most: int) -> bytes:
            data: bytes = file.read(most + 1)
            if len(data) > most:
                raise PhotoError(f"more than {most} bytes", photo="photo")
            return data

        return read

    files = [file for file in request.files.getlist("folder") if file.filename]
    return {str(PurePosixPath(str(file.filename).replace("\\", "/"))): reader(file) for file in files}


def _upload(job: Job) -> Path | None:
    """The checked upload that waits for a decision; None if it was imported or deleted."""
    folder = staged_folder(state().store, job)
    busy = any(each.detail.get("folder") == job.detail.get("folder") for each in list_jobs(state().store)
               if each.kind == "import" and not each.is_over)  # fmt: skip
    return None if busy else folder


def _checked(job_id: int) -> tuple[Path, CheckedImport]:
    """A checked upload, and what the check found. Aborts with 404 if it is gone."""
    job = _found(job_id)
    folder = _upload(job) if job.kind == "check" and job.state == "done" else None
    checked = read_checked(folder) if folder else None
    if folder is None or checked is None:
        abort(404, "this upload is gone: it was imported or deleted, or waited for more than a day; upload it again")
    return folder, checked


def _found(job_id: int) -> Job:
    job = find_job(state().store, job_id)
    if job is None:
        abort(404, f"there is no job {job_id}")
    return job


def _shown(job: Job) -> dict[str, Any]:
    """The progress of a job for its page."""
    names = ("state", "done", "total")
    told = {"message": without_paths(job.message), "is_over": job.is_over}
    return {**{name: getattr(job, name) for name in names}, **told}

"""Importing an archive of photos, and following the job that does it."""

from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts import Role
from catalog_server.job_kinds import new_staging_folder, submit_import
from catalog_server.jobs import Job, cancel_job, find_job, list_jobs
from catalog_server.uploads import MAX_ARCHIVE_BYTES, MAX_ENTRIES, ReadFile, discarded_on_failure, take_in, unpack
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import needs, signed_in, takes
from coindex.errors import ManifestError, PhotoError

__all__ = ["add_to"]

JOB_ID = "<int(max=2147483647):job_id>"


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """`/imports` and the page of each job."""
    store = curator.store

    @blueprint.get("/imports")
    @needs(Role.CURATOR)
    def imports() -> str:
        return render_template("imports.html", jobs=list_jobs(store))

    @blueprint.post("/imports")
    @takes(MAX_ARCHIVE_BYTES, parts=MAX_ENTRIES)
    @needs(Role.CURATOR)
    def start_import() -> AnyResponse:
        archive, files = request.files.get("archive"), _sent_folder()
        if not files and (archive is None or not archive.filename):
            raise ManifestError("nothing was sent: choose a ZIP, or a folder, with manifest.csv and its photos")
        with discarded_on_failure(new_staging_folder(store)) as folder:
            if files:
                take_in(files, folder)
            elif archive is not None:
                unpack(archive.stream, folder)
            skip_bad = bool(request.form.get("skip_bad"))
            job_id = submit_import(store, folder, actor=signed_in().actor, skip_bad=skip_bad)
        return redirect(url_for("pages.job", job_id=job_id), 303)

    @blueprint.get(f"/jobs/{JOB_ID}")
    @needs(Role.CURATOR)
    def job(job_id: int) -> str:
        return render_template("job.html", job=_found(curator, job_id))

    @blueprint.get(f"/jobs/{JOB_ID}.json")
    @needs(Role.CURATOR)
    def job_status(job_id: int) -> Response:
        found = _found(curator, job_id)
        return jsonify(_shown(found))

    @blueprint.post(f"/jobs/{JOB_ID}/cancel")
    @needs(Role.CURATOR)
    def stop_job(job_id: int) -> AnyResponse:
        cancel_job(store, job_id, actor=signed_in().actor)
        flash("Cancelled; nothing of it was kept.", "good")
        return redirect(url_for("pages.job", job_id=job_id), 303)


def _sent_folder() -> dict[str, ReadFile]:
    """The files of a folder that a browser sent, by their paths in it: names in a table, nowhere on a disk."""

    def reader(file: FileStorage) -> ReadFile:
        def read(most: int) -> bytes:
            data: bytes = file.read(most + 1)
            if len(data) > most:
                raise PhotoError(f"photo: more than {most} bytes")
            return data

        return read

    files = [file for file in request.files.getlist("folder") if file.filename]
    return {str(PurePosixPath(str(file.filename).replace("\\", "/"))): reader(file) for file in files}


def _found(curator: Curator, job_id: int) -> Job:
    job = find_job(curator.store, job_id)
    if job is None:
        abort(404, f"there is no job {job_id}")
    return job


def _shown(job: Job) -> dict[str, Any]:
    """What the page needs to show how far a job is."""
    names = ("state", "done", "total", "message")
    return {**{name: getattr(job, name) for name in names}, "is_over": job.is_over}

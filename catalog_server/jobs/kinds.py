"""What jobs there are: an import of an upload, a re-embedding, a publication, a validation, a search for mistakes."""

import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from catalog_server.curation.encoding import current_models, keep_models, live_encoders
from catalog_server.curation.import_check import CheckedImport, check_import, keep_checked
from catalog_server.curation.importer import ImportReport, import_photos
from catalog_server.curation.quality import find_mistakes
from catalog_server.curation.shared_encodings import SharedEncodings, encoding_parts
from catalog_server.curation.spaces import reembed, reembedding_parts
from catalog_server.curation.steps import counted
from catalog_server.curation.uploads import stage, staged_manifest, staged_photos, staged_problems
from catalog_server.jobs.queue import Handler, Helper, Job, JobRun, find_job, list_jobs, submit_job
from catalog_server.publishing.publish import publish
from catalog_server.store import Store
from catalog_server.validation.served import validate_served
from coindex.errors import CoindexError, JobCancelled, SpaceMismatch, StoreError
from coindex.manifest import LabelledPhoto
from coindex.models import DEFAULT_FOLDER, INDEX_NAME

__all__ = [
    "ABANDONED_S",
    "handlers",
    "helpers",
    "new_staging_folder",
    "shared_with_others",
    "staged_folder",
    "submit_check",
    "submit_import",
    "submit_publish",
    "submit_quality",
    "submit_reembed",
    "submit_validation",
    "sweep_staging",
]

ABANDONED_S = 86_400.0
"""An upload that no job took within a day never will be."""


def handlers(
    keys: Path | None = None, *, relief_references: int | None = None, threads: int | None = None
) -> dict[str, Handler]:
    """The handlers of all kinds, for a `Worker`. Releases are signed with `keys`, by default those in the store, and
    carry the relief maps of `relief_references` photos a class, by default as many as the models compare; models are
    those that the store keeps, or else the checkout's. Photos that other processes may encode too are encoded in
    `threads` threads."""
    return {
        "check": lambda run: _check(run, threads),
        "import": lambda run: _import(run, threads),
        "reembed": lambda run: _reembed(run, threads),
        "publish": lambda run: _publish(run, keys, relief_references),
        "validate": _validate,
        "quality": _find_mistakes,
    }


def helpers() -> dict[str, Helper]:
    """How a process takes part in work that another leads, by its kind."""
    return {"encode": encoding_parts, "reembed": reembedding_parts}


def new_staging_folder(store: Store) -> Path:
    """An empty folder for an upload, under a name that nobody else has; for `submit_import`."""
    folder = store.staging / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder


@contextmanager
def shared_with_others(store: Store, photos: Sequence[LabelledPhoto]) -> Iterator[SharedEncodings | None]:
    """Let other processes encode some photos of an import, which lie outside the store; None on SQLite.

    Raises:
        StoreError: If the photos cannot be copied to where others see them.
    """
    if not store.on_postgres:
        yield None
        return
    folder = new_staging_folder(store)
    try:
        try:
            stage(photos, folder)
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror}; nothing was imported") from None
        yield SharedEncodings(store, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def submit_import(store: Store, folder: Path, *, actor: str, skip_bad: bool = False) -> int:
    """Queue the import of an upload in a staging folder, which is removed when the job is over.

    Args:
        folder: Photos, and `manifest.csv` at its top or in its only subfolder.

    Returns:
        The job's id.

    Raises:
        StoreError: If the folder is not a staging folder of this store.
        ManifestError: If the manifest is missing or wrong.
    """
    if folder.parent != store.staging:
        raise StoreError(f"{folder}: not a staging folder of this store; make one with new_staging_folder")
    photos = staged_photos(staged_manifest(folder))
    return submit_job(store, "import", actor=actor, folder=folder.name, skip_bad=skip_bad, photos=len(photos))


def submit_check(store: Store, folder: Path, *, actor: str) -> int:
    """Queue the check of an upload in a staging folder, as `submit_import` takes it. The folder stays for a day.

    Returns:
        The job's id.

    Raises:
        StoreError: If the folder is not a staging folder of this store.
        ManifestError: If the manifest is missing or wrong.
    """
    if folder.parent != store.staging:
        raise StoreError(f"{folder}: not a staging folder of this store; make one with new_staging_folder")
    photos = staged_photos(staged_manifest(folder))
    return submit_job(store, "check", actor=actor, folder=folder.name, photos=len(photos))


def submit_reembed(store: Store, space_id: str, *, actor: str) -> int:
    """Queue the re-embedding for a space whose models the store keeps.

    Returns:
        The job's id.

    Raises:
        StoreError: If the store keeps no models of the space.
    """
    if not (store.models_folder(space_id) / INDEX_NAME).is_file():
        raise StoreError(f"no models of space {space_id} are kept; `coindex catalog reembed --models` brings them")
    return submit_job(store, "reembed", actor=actor, space_id=space_id)


def submit_publish(store: Store, *, actor: str, override: str | None = None, step_id: int | None = None) -> int:
    """Queue a publication.

    Args:
        override: The reason for a release below the required recall.
        step_id: The step whose result is published, if any.

    Returns:
        The job's id.
    """
    return submit_job(store, "publish", actor=actor, override=override, step_id=step_id)


def submit_validation(store: Store, *, actor: str) -> int:
    """Queue a validation of the release that is served."""
    return submit_job(store, "validate", actor=actor)


def submit_quality(store: Store, *, actor: str) -> int:
    """Queue a search for mistakes in the whole catalogue."""
    return submit_job(store, "quality", actor=actor)


def sweep_staging(store: Store) -> list[Path]:
    """Remove uploads whose job is over, and those that no job took within a day.

    Returns:
        The folders that were removed.
    """
    waiting = {job.detail.get("folder") for job in list_jobs(store, limit=1000) if not job.is_over}
    removed = []
    for folder in sorted(store.staging.iterdir()) if store.staging.is_dir() else []:
        if folder.is_dir() and folder.name not in waiting and time.time() - folder.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def staged_folder(store: Store, job: Job) -> Path | None:
    """The staging folder of the upload that a job is of, None where it is gone."""
    folder = store.staging / Path(str(job.detail.get("folder", ""))).name
    return folder if "folder" in job.detail and folder.is_dir() else None


def _check(run: JobRun, threads: int | None) -> None:
    store = run.store
    folder = store.staging / Path(run.job.detail["folder"]).name
    manifest = staged_manifest(folder)
    checked = check_import(
        store,
        staged_photos(manifest),
        live_encoders(store),
        SharedEncodings(store, folder, threads),
        problems=staged_problems(manifest),
        progress=run.progress,
    )
    keep_checked(folder, checked)
    with store.changing() as session:
        run.finish(session, _looked(checked))


def _import(run: JobRun, threads: int | None) -> None:
    store, job = run.store, run.job
    folder = store.staging / Path(job.detail["folder"]).name

    def confirm(session: Session, report: ImportReport) -> None:
        if not (store.models_folder(space_id) / INDEX_NAME).is_file():
            keep_models(store, DEFAULT_FOLDER)  # the first import is by the checkout's
        run.finish(session, _told(report), skipped=list(report.skipped), warnings=list(report.warnings))

    try:
        encoders = live_encoders(store)
        space_id, encode = next(iter(encoders.items()))
        import_photos(
            store,
            staged_photos(staged_manifest(folder)),
            encode,
            space_id=space_id,
            beside=encoders,
            actor=job.actor,
            skip_bad=bool(job.detail.get("skip_bad")),
            progress=run.progress,
            confirm=confirm,
            kept=SharedEncodings(store, folder, threads),
        )
    except JobCancelled:
        found = find_job(store, job.job_id)
        if found is not None and found.is_over:  # and not to be gone on with by the next server
            shutil.rmtree(folder, ignore_errors=True)
        raise
    except CoindexError as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, SpaceMismatch):  # it speaks to who imports by command, of folders and options
            raise StoreError(
                "the catalogue's models changed while these photos were looked at, and nothing was imported; import "
                "them again"
            ) from error
        raise
    shutil.rmtree(folder, ignore_errors=True)
    sweep_staging(store)


def _reembed(run: JobRun, threads: int | None) -> None:
    models = run.store.models_folder(run.job.detail["space_id"])
    report = reembed(run.store, models, actor=run.job.actor, threads=threads, progress=run.progress)
    with run.store.changing() as session:
        run.finish(session, f"{report.embedded} photos embedded, {report.already_there} had codes already")


def _publish(run: JobRun, keys: Path | None, relief_references: int | None) -> None:
    folder, override = current_models(run.store), run.job.detail.get("override")
    report = publish(
        run.store,
        folder,
        override=override,
        actor=run.job.actor,
        keys=keys,
        relief_references=relief_references,
        progress=run.progress,
    )
    done = f"release {report.version}" if report.changed else f"nothing changed: release {report.version} is served"
    with run.store.changing() as session:
        run.finish(session, done, version=report.version)


def _validate(run: JobRun) -> None:
    version = validate_served(run.store, progress=run.progress)
    with run.store.changing() as session:
        run.finish(session, f"release {version} was compared with exact search", version=version)


def _find_mistakes(run: JobRun) -> None:
    found = find_mistakes(run.store, progress=run.progress)
    with run.store.changing() as session:
        run.finish(session, f"{len(found.suspects)} of {found.photos} photos are worth a look")


def _looked(checked: CheckedImport) -> str:
    parts = [f"{counted(checked.new, 'photo')} would come", counted(checked.new_classes, "new coin side")]
    if checked.there:
        parts.append(f"{checked.there} there already")
    if checked.problems:
        parts.append(f"{counted(len(checked.problems), 'line')} cannot be used")
    return ", ".join(parts)


def _told(report: ImportReport) -> str:
    described = f", {report.coins_described} coins described again" if report.coins_described else ""
    return (
        f"{counted(report.rows_added, 'photo')} added, {counted(report.classes_added, 'new class', 'new classes')}; "
        f"{report.already_there} were there already, {len(report.skipped)} left out{described}"
    )

"""What jobs there are: an import of an upload, a re-embedding, a publication, a validation."""

import secrets
import shutil
import time
from pathlib import Path

from catalog_server.encoding import current_models, keep_models, live_encoders
from catalog_server.importer import ImportReport, import_photos
from catalog_server.jobs import Handler, JobRun, find_job, list_jobs, submit_job
from catalog_server.publisher import publish
from catalog_server.spaces import reembed
from catalog_server.store import Store
from catalog_server.validated import validate_served
from coindex.errors import CoindexError, JobCancelled, ManifestError, StoreError
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER, INDEX_NAME

__all__ = [
    "ABANDONED_S",
    "handlers",
    "new_staging_folder",
    "submit_import",
    "submit_publish",
    "submit_reembed",
    "submit_validation",
    "sweep_staging",
]

MANIFEST = "manifest.csv"
ABANDONED_S = 86_400.0
"""An upload that no job took within a day never will be."""


def handlers(keys: Path | None = None) -> dict[str, Handler]:
    """The handlers of all kinds, for a `Worker`. Releases are signed with `keys`, by default those in the store; models
    are those that the store keeps, or else the checkout's."""
    return {
        "import": _import,
        "reembed": _reembed,
        "publish": lambda run: _publish(run, keys),
        "validate": _validate,
    }


def new_staging_folder(store: Store) -> Path:
    """An empty folder for an upload, under a name that nobody else has; for `submit_import`."""
    folder = store.staging / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder


def submit_import(store: Store, folder: Path, *, actor: str, skip_bad: bool = False) -> int:
    """Queue the import of a staging folder in which an upload lies: photos, and `manifest.csv` at its top or in its
    only subfolder. The folder goes when the job is over. Raises `ManifestError` where the manifest is missing or wrong,
    at once."""
    if folder.parent != store.staging:
        raise StoreError(f"{folder}: not a staging folder of this store; make one with new_staging_folder")
    photos = read_manifest(_manifest(folder))
    return submit_job(store, "import", actor=actor, folder=folder.name, skip_bad=skip_bad, photos=len(photos))


def submit_reembed(store: Store, space_id: str, *, actor: str) -> int:
    """Queue the re-embedding for a space whose models the store keeps. Raises `StoreError` where it keeps none."""
    if not (store.models_folder(space_id) / INDEX_NAME).is_file():
        raise StoreError(f"no models of space {space_id} are kept; `coindex catalog reembed --models` brings them")
    return submit_job(store, "reembed", actor=actor, space_id=space_id)


def submit_publish(store: Store, *, actor: str, override: str | None = None) -> int:
    """Queue a publication."""
    return submit_job(store, "publish", actor=actor, override=override)


def submit_validation(store: Store, *, actor: str) -> int:
    """Queue a validation of the release that is served."""
    return submit_job(store, "validate", actor=actor)


def sweep_staging(store: Store) -> list[Path]:
    """Remove uploads whose job is over, and those that no job took within a day. Returns what was removed."""
    waiting = {job.detail.get("folder") for job in list_jobs(store, limit=1000) if not job.is_over}
    removed = []
    for folder in sorted(store.staging.iterdir()) if store.staging.is_dir() else []:
        if folder.is_dir() and folder.name not in waiting and time.time() - folder.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def _import(run: JobRun) -> None:
    store, job = run.store, run.job
    folder = store.staging / Path(job.detail["folder"]).name
    try:
        encoders = live_encoders(store)
        space_id, encode = next(iter(encoders.items()))
        import_photos(
            store,
            read_manifest(_manifest(folder)),
            encode,
            space_id=space_id,
            beside=encoders,
            actor=job.actor,
            skip_bad=bool(job.detail.get("skip_bad")),
            progress=run.progress,
            confirm=lambda session, report: run.finish(session, _told(report), skipped=list(report.skipped)),
        )
    except JobCancelled:
        found = find_job(store, job.job_id)
        if found is not None and found.is_over:  # and not to be gone on with by the next server
            shutil.rmtree(folder, ignore_errors=True)
        raise
    except CoindexError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    if not (store.models_folder(space_id) / INDEX_NAME).is_file():
        keep_models(store, DEFAULT_FOLDER)  # the first import was by the checkout's
    sweep_staging(store)


def _reembed(run: JobRun) -> None:
    models = run.store.models_folder(run.job.detail["space_id"])
    report = reembed(run.store, models, actor=run.job.actor, progress=run.progress)
    with run.store.changing() as session:
        run.finish(session, f"{report.embedded} photos embedded, {report.already_there} had codes already")


def _publish(run: JobRun, keys: Path | None) -> None:
    folder, override = current_models(run.store), run.job.detail.get("override")
    report = publish(run.store, folder, override=override, actor=run.job.actor, keys=keys)
    done = f"release {report.version}" if report.changed else f"nothing changed: release {report.version} is served"
    with run.store.changing() as session:
        run.finish(session, done, version=report.version)


def _validate(run: JobRun) -> None:
    version = validate_served(run.store, progress=run.progress)
    with run.store.changing() as session:
        run.finish(session, f"release {version} was held against exact engines", version=version)


def _manifest(folder: Path) -> Path:
    inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
    only = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
    if not (only / MANIFEST).is_file():
        raise ManifestError(f"the upload has no {MANIFEST} at its top; it says which photo shows which coin")
    return only / MANIFEST


def _told(report: ImportReport) -> str:
    return (
        f"{report.rows_added} photos added, {report.classes_added} new classes; {report.already_there} were there "
        f"already, {len(report.skipped)} left out"
    )

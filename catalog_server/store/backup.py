"""One file that a whole store can be made from again: the database, photos, models, releases, and keys where asked.

A backup is a ZIP archive. Its database is SQLite whatever the store's is, so that a backup of either is restored into
either. `backup.json`, its last entry, names every other with length and SHA-256: a cut file is known by lacking it.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text

from catalog_server.store import DATABASE, PhotoRow, SessionRow, Store, WorkPartRow, now, open_store
from catalog_server.store.tables import Base
from coindex.disk import DISK, building_folder, private_file, sync_folder
from coindex.errors import StoreError
from coindex.progress import Progress, no_progress

__all__ = ["BackupReport", "backup", "restore"]

FORMAT = 1
INDEX = "backup.json"
BUILDING = ".coindex-backup-"
"""How the folder is called in which a backup is made, beside it."""
CHUNK = 1 << 20
ROWS = 1000
"""Rows that are copied at a time."""


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds."""

    photos: int
    files: int
    bytes: int
    with_keys: bool


@dataclass(frozen=True)
class _Entry:
    bytes: int
    sha256: str


def backup(store: Store, path: Path, *, keys: Path | None = None, progress: Progress = no_progress) -> BackupReport:
    """Write a backup of a store, as it is now, to a file. People can go on working meanwhile.

    Sessions are left out: nobody is signed in after a restore. After an error there is no file.

    Args:
        path: A file that does not exist yet.
        keys: The folder of signing keys to include; None includes none.

    Raises:
        StoreError: If the file exists or cannot be written, or a photo is damaged.
    """
    if path.exists():
        raise StoreError(f"{path}: exists already; name a file that does not")
    entries: dict[str, _Entry] = {}
    try:
        with building_folder(path.parent, BUILDING) as building:
            beside = building / "backup.zip"
            with private_file(beside) as file, zipfile.ZipFile(file, "w") as archive:
                photos = _fill(archive, store, keys, building, entries, progress)
            DISK.sync_file(beside)
            beside.rename(path)
            sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error}); there is no backup") from error
    return BackupReport(photos, len(entries), path.stat().st_size, keys is not None)


def restore(
    path: Path,
    folder: Path,
    *,
    database_url: str | None = None,
    photos_url: str | None = None,
    progress: Progress = no_progress,
) -> BackupReport:
    """Make a store from a backup.

    Every file is compared with its SHA-256 before the folder appears. After an error there is no folder.

    Args:
        folder: An empty folder, or one that does not exist.
        database_url: A database without tables; None keeps the tables in the folder.

    Raises:
        StoreError: If the backup is damaged or newer, or a place is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder}: not empty; a backup is restored into a new store (--store)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with building_folder(folder.parent, f".{folder.name}.restoring-") as building:
            with zipfile.ZipFile(path) as archive:
                entries = _index(archive, path)
                for done, (name, entry) in enumerate(entries.items(), start=1):
                    _take(archive, name, entry, building)
                    progress(done, len(entries))
            if database_url or photos_url:
                _move_out(building, database_url, photos_url)
            else:
                # Brings a backup of an older coindex up to date.
                open_store(building, database_url="", photos_url="").close()
            if folder.exists():
                folder.rmdir()
            building.rename(folder)
            sync_folder(folder.parent)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise StoreError(f"{path}: cannot be restored ({error}); nothing was made") from error
    except NotImplementedError as error:  # a ZIP with encryption or a method that is none of ours
        raise StoreError(f"{path}: not a backup of a store ({error})") from error
    photos = sum(name.startswith("photos/") for name in entries)
    with_keys = any(name.startswith("keys/") for name in entries)
    return BackupReport(photos, len(entries), path.stat().st_size, with_keys)


def _fill(
    archive: zipfile.ZipFile,
    store: Store,
    keys: Path | None,
    scratch: Path,
    entries: dict[str, _Entry],
    progress: Progress,
) -> int:
    """Write all of a backup, and what it is in `entries`; returns the number of photos."""
    # Nothing is published between the copy of what the database says of releases and that of their files.
    with store.exclusive("publishing"):
        photos = _copy_out(store, scratch)
        entries[DATABASE] = _add(archive, DATABASE, scratch / DATABASE, zipfile.ZIP_DEFLATED)
        for name, file in _release_files(store):
            entries[name] = _add(archive, name, file)
    for name, file in _files(store.folder / "models", "models"):
        entries[name] = _add(archive, name, file)
    for name, file in _files(keys, "keys") if keys else ():
        entries[name] = _add(archive, name, file)
    for done, sha256 in enumerate(photos, start=1):
        data = store.photos.get(sha256)
        archive.writestr(f"photos/{sha256}", data)
        entries[f"photos/{sha256}"] = _Entry(len(data), sha256)
        progress(done, len(photos))
    index = {
        "format": FORMAT,
        "created": now(),
        "files": {name: asdict(each) for name, each in entries.items()},
    }
    archive.writestr(INDEX, json.dumps(index), zipfile.ZIP_DEFLATED)
    return len(photos)


def _copy_out(store: Store, scratch: Path) -> list[str]:
    """Copy the database, as it is at one moment, into SQLite; returns the photos that it names."""
    copy = open_store(scratch, create=True, database_url="", photos_url="")
    try:
        with store.reading() as source, copy.changing() as target:
            _copy_rows(
                source.connection(), target.connection(), leave={SessionRow.__tablename__, WorkPartRow.__tablename__}
            )
            photos = sorted(set(source.scalars(select(PhotoRow.photo_sha256))))
        with copy.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
            connection.execute(text("PRAGMA journal_mode = DELETE"))
    finally:
        copy.close()
    return photos


def _move_out(building: Path, database_url: str | None, photos_url: str | None) -> None:
    """Put a restored store's photos and rows where its URLs say."""
    source = open_store(building, database_url="", photos_url="")
    target = open_store(building, create=True, database_url=database_url or "", photos_url=photos_url or "")
    try:
        with source.reading() as read, target.changing() as write:
            if photos_url:
                for sha256 in sorted(set(read.scalars(select(PhotoRow.photo_sha256)))):
                    target.photos.add(source.photos.get(sha256))
            if database_url:
                tables = [table for table in Base.metadata.sorted_tables if table.name != "meta"]
                if any(write.scalar(select(func.count()).select_from(table)) for table in tables):
                    raise StoreError("the database is not empty; a backup is restored into a new one")
                _copy_rows(read.connection(), write.connection())
                _raise_sequences(write.connection())
    finally:
        source.close()
        target.close()
    if photos_url:
        shutil.rmtree(building / "photos", ignore_errors=True)
    if database_url:
        for file in building.glob(f"{DATABASE}*"):
            file.unlink()


def _copy_rows(source: Connection, target: Connection, *, leave: Collection[str] = ()) -> None:
    for table in Base.metadata.sorted_tables:
        if table.name in {"meta", *leave}:
            continue
        found = source.execution_options(yield_per=ROWS).execute(select(table))
        for rows in found.mappings().partitions(ROWS):
            target.execute(insert(table), [dict(row) for row in rows])


def _raise_sequences(connection: Connection) -> None:
    """Let PostgreSQL's sequences go on after the ids that were copied."""
    if connection.dialect.name != "postgresql":
        return
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            most = connection.scalar(select(func.max(column)))
            if most is not None:
                name = {"table": table.name, "column": column.name, "most": most}
                connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, :column), :most)"), name)


def _release_files(store: Store) -> Iterator[tuple[str, Path]]:
    """The timestamp first: what it names is there by then, whatever a renewal makes meanwhile."""
    files = dict(_files(store.releases, "releases"))
    return iter(sorted(files.items(), key=lambda item: not item[0].endswith("timestamp.json")))


def _files(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """The files below a folder, by their names in the archive; locks and what a crash left are not among them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield f"{name}/{path.relative_to(folder).as_posix()}", path


def _add(archive: zipfile.ZipFile, name: str, path: Path, method: int = zipfile.ZIP_STORED) -> _Entry:
    digest, length = hashlib.sha256(), 0
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        while piece := source.read(CHUNK):
            digest.update(piece)
            length += len(piece)
            target.write(piece)
    return _Entry(length, digest.hexdigest())


def _index(archive: zipfile.ZipFile, path: Path) -> dict[str, _Entry]:
    try:
        document = json.loads(archive.read(INDEX))
    except KeyError:
        raise StoreError(f"{path}: not a backup of a store, or cut off (it lacks {INDEX}); take another") from None
    if document.get("format") != FORMAT:
        raise StoreError(f"{path}: a backup of format {document.get('format')}, this coindex reads {FORMAT}; update it")
    entries = {name: _Entry(int(each["bytes"]), str(each["sha256"])) for name, each in document["files"].items()}
    if DATABASE not in entries:
        raise StoreError(f"{path}: a backup without a database; take another")
    return entries


def _take(archive: zipfile.ZipFile, name: str, entry: _Entry, folder: Path) -> None:
    """Bring one file out, to where a store has it, if it is what the index says."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part or ":" in part for part in parts):
        raise StoreError(f"{name!r} is not a file of a store; the backup is not one of coindex")
    if len(parts) == 2 and parts[0] == "photos":
        parts = ["photos", parts[1][:2], parts[1]]
    if archive.getinfo(name).file_size != entry.bytes:
        raise StoreError(f"{name}: another length than {INDEX} says; the backup is damaged, take another")
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if parts[0] == "keys" else 0o777)
    digest = hashlib.sha256()
    # The accounts' database and the keys are for their owner alone, from the first byte on.
    private = parts[0] in (DATABASE, "keys")
    with archive.open(name) as source, private_file(path) if private else path.open("xb") as target:
        while piece := source.read(CHUNK):
            digest.update(piece)
            target.write(piece)
    DISK.sync_file(path)
    if digest.hexdigest() != entry.sha256:
        raise StoreError(f"{name}: not what {INDEX} describes; the backup is damaged, take another")

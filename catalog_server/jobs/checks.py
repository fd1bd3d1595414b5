"""Whether the store is sound: the database with itself, its codes, and the photo files that nobody needs."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog_server.jobs.kinds import ABANDONED_S, sweep_staging
from catalog_server.store import CodeRow, CoinRow, PhotoRow, ReliefRow, Store
from coindex.codes import DIMENSIONS
from coindex.disk import file_sha256
from coindex.errors import ModelError
from coindex.models import INDEX_NAME, read_index
from coindex.relief import MAP_BYTES

__all__ = ["StoreCheck", "check_store", "collect"]


@dataclass(frozen=True)
class StoreCheck:
    """Every problem that was found, and the photo files that no row needs: leftovers of an import that was cut off,
    which do no harm."""

    problems: tuple[str, ...]
    orphans: tuple[str, ...]


def check_store(store: Store) -> StoreCheck:
    """Check the database and what it says of codes and photos; photo files themselves are read by `verify`."""
    with store.reading() as session:
        problems = [*_database(store, session), *_codes(store, session), *_retired(session)]
        problems += [problem for space_id in store.live_spaces(session) for problem in _models(store, space_id)]
        needed = set(session.scalars(select(PhotoRow.photo_sha256)))
    return StoreCheck(tuple(problems), tuple(sorted(set(store.photos.names()) - needed)))


def collect(store: Store) -> int:
    """Remove photo files that no row needs, and uploads and half-written files that were left lying for a day. Returns
    the number of photo files.

    Returns:
        The number of photo files.
    """
    with store.exclusive("importing"):  # an import keeps its photos before it has rows
        lying = set(store.photos.names())
        with store.changing() as session:  # as does whoever adds photos, within a change
            orphans = lying - set(session.scalars(select(PhotoRow.photo_sha256)))
            for sha256 in orphans:
                store.photos.remove(sha256)
    sweep_staging(store)
    for folder in (store.folder / "photos", store.folder / "models", store.releases):
        _sweep_half_written(folder)
    return len(orphans)


def _sweep_half_written(folder: Path) -> None:
    """Remove what `write_whole` was writing when its process was killed; nobody writes one file for a day."""
    for path in folder.rglob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


def _database(store: Store, session: Session) -> Iterator[str]:
    if store.on_postgres:  # which checks its own pages and holds every reference
        return
    for (said,) in session.execute(text("PRAGMA integrity_check")):
        if said != "ok":
            yield f"the database: {said}; restore a backup"
    for table, row, parent, _ in session.execute(text("PRAGMA foreign_key_check")):
        yield f"the database: row {row} of {table} names a row of {parent} that does not exist; restore a backup"


def _codes(store: Store, session: Session) -> Iterator[str]:
    for space_id in store.published_spaces(session):
        has = select(CodeRow.row_id).where(CodeRow.space_id == space_id)
        lacking = session.scalars(select(PhotoRow.row_id).where(~PhotoRow.retired, PhotoRow.row_id.not_in(has))).all()
        if lacking:
            yield f"photo {lacking[0]} and {len(lacking) - 1} more have no code in space {space_id}; re-embed it"
    odd = session.scalars(select(CodeRow.row_id).where(func.length(CodeRow.code) != DIMENSIONS)).all()
    if odd:
        yield f"photo {odd[0]} and {len(odd) - 1} more have a code that is not {DIMENSIONS} bytes; restore a backup"
    odd = session.scalars(select(ReliefRow.row_id).where(func.length(ReliefRow.map) != MAP_BYTES)).all()
    if odd:
        yield f"photo {odd[0]} and {len(odd) - 1} more have a map that is not {MAP_BYTES} bytes; restore a backup"


def _models(store: Store, space_id: str) -> Iterator[str]:
    """The models that are kept of a space, if any: without them nothing can be added."""
    folder = store.models_folder(space_id)
    if not (folder / INDEX_NAME).is_file():
        return
    try:
        index = read_index(folder / INDEX_NAME)
    except ModelError as error:
        yield str(error)
        return
    for net in index.nets.values():
        path = folder / net.file
        if not path.is_file() or file_sha256(path) != net.sha256:
            yield f"{path}: missing or damaged; import with --models once, which keeps them again"


def _retired(session: Session) -> Iterator[str]:
    live = select(PhotoRow.row_id).join(CoinRow).where(~PhotoRow.retired, CoinRow.retired)
    for row_id in session.scalars(live):
        yield f"photo {row_id} is live and its class is retired; retire it"

"""The opened store: its transactions, its folders, and what the catalogue is."""

import contextlib
import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Executable,
    Text,
    cast,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from catalog_server.store.photo_files import PhotoFiles, photo_files
from catalog_server.store.tables import CodeRow, CoinRow, PhotoRow, SpaceRow
from coindex.catalog import CatalogState, CoinRecord, Rows
from coindex.codes import DIMENSIONS
from coindex.disk import exclusive, private_file, sync_folder
from coindex.errors import Busy, StoreError
from coindex.facts import checked_facts

__all__ = ["DATABASE", "DATABASE_URL", "HEAD", "PHOTOS_URL", "Store", "default_store", "now", "open_store"]

DATABASE = "catalog.sqlite"
DATABASE_URL = "COINDEX_DATABASE_URL"
"""Names a PostgreSQL database in place of the SQLite file in the store's folder."""
PHOTOS_URL = "COINDEX_PHOTOS_URL"
"""Names an fsspec URL in place of the store's own folder of photos."""

MIGRATIONS = "catalog_server.store:migrations"
HEAD = "0009"
"""The last of the migrations: a store that is there needs none."""
COPY = ".before-"
"""Stands in the name of a copy from before a migration, with the layout that the migration made."""
READ_ONLY = ". The store is read-only: what only reads goes on; who may write there can change it"
FULL = ". The store's disk is full: make room, then try again; what only reads goes on"
ADVICE = {"readonly": READ_ONLY, "read-only": READ_ONLY, "disk is full": FULL}
"""What to do, by what SQLite and PostgreSQL say."""

AT_ONCE = 500
"""Rows that are read at once: all of a large catalogue's keep Python's garbage collector busy for as long again."""
LOCK_SECONDS = 30
"""How long a change waits for another curator's to end."""
KEEPALIVE = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""So that PostgreSQL drops within two minutes the locks of a machine that went away without a word."""
CHANGING_LOCK = 0x636F696E
"""The key of PostgreSQL's advisory lock that makes changes one at a time; the second key of others is hashed."""


class Store:
    """An opened store: a folder with releases, photo files and, unless it is elsewhere, the database.

    Raises:
        StoreError: From every method that uses the database, if it cannot be read or written. Nothing is changed then.
    """

    def __init__(self, folder: Path, engine: Engine, photos: PhotoFiles) -> None:
        self.folder = folder
        self.photos = photos
        self._engine = engine

    @property
    def releases(self) -> Path:
        """The folder that is served under `/releases/`."""
        return self.folder / "releases"

    @property
    def staging(self) -> Path:
        """Where uploads lie until a job has taken them, a folder a job."""
        return self.folder / "staging"

    @property
    def engine(self) -> Engine:
        """The database, for copying it whole."""
        return self._engine

    @property
    def on_postgres(self) -> bool:
        """Whether the database is PostgreSQL, which several machines may share."""
        return self._engine.dialect.name == "postgresql"

    def models_folder(self, space_id: str) -> Path:
        """Where the models of a space are kept, so that what is added while two spaces live gets codes in both."""
        return self.folder / "models" / space_id

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view of the store, unmoved by changes made meanwhile."""
        with self._errors(), Session(self._engine) as session, session.begin():
            if self.on_postgres:
                options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                session.connection(execution_options=options)
            else:
                session.execute(text("BEGIN"))
            yield session

    @contextmanager
    def changing(self) -> Iterator[Session]:
        """A change that is made whole at the end of the block, or not at all; one at a time."""
        with self._errors(), Session(self._engine) as session, session.begin():
            if self.on_postgres:
                session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHANGING_LOCK})
            else:
                session.execute(text("BEGIN IMMEDIATE"))
            yield session

    @contextmanager
    def exclusive(self, doing: str) -> Iterator[None]:
        """Hold a lock, on all machines of this store, for one kind of work.

        The lock ends with the process.

        Args:
            doing: The work: "importing", "publishing", "running jobs".

        Raises:
            Busy: If another process does this work.
        """
        own = self.folder / "locks" / doing.replace(" ", "-")
        folder = {"importing": self.folder, "publishing": self.releases}.get(doing, own)
        with self._locked(folder, doing):
            if not self.on_postgres:
                yield
                return
            key = int.from_bytes(hashlib.sha256(doing.encode()).digest()[:4], "big", signed=True)
            with self.advisory_lock(CHANGING_LOCK, key) as held:
                if not held:
                    raise Busy(f"{self.folder}: another process is {doing} here; wait for it to end")
                yield

    @contextmanager
    def beside(self) -> Iterator[Session]:
        """A short change of what is no part of the catalogue, whatever changes run at the same time."""
        with self._errors(), Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def advisory_lock(self, first: int, second: int) -> Iterator[bool]:
        """Whether PostgreSQL's lock of two keys (int32) is this block's, until it or its process ends."""
        keys = {"first": first, "second": second}
        # A connection of its own: the lock is held across transactions, and dropped with the connection.
        with self._errors(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:first, :second)"), keys))
            try:
                yield held
            finally:
                if held:
                    connection.scalar(text("SELECT pg_advisory_unlock(:first, :second)"), keys)

    @contextmanager
    def _locked(self, folder: Path, doing: str) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(exclusive(folder, doing))
            except OSError as error:
                raise StoreError(f"{folder}: {error.strerror}; nothing was changed{_advice(error.errno)}") from error
            yield

    def space_id(self, session: Session) -> str | None:
        """The current embedding space, None where there are no codes yet."""
        return session.scalar(select(SpaceRow.space_id).where(SpaceRow.state == "current"))

    def live_spaces(self, session: Session) -> tuple[str, ...]:
        """The spaces in which every photo has a code or is getting one, the current one first."""
        spaces = session.scalars(select(SpaceRow).where(SpaceRow.state != "ended").order_by(SpaceRow.created))
        return tuple(space.space_id for space in sorted(spaces, key=lambda space: space.state != "current"))

    def published_spaces(self, session: Session) -> tuple[str, ...]:
        """The spaces that releases are made for, the current one first."""
        states = ("current", "published")
        spaces = session.scalars(select(SpaceRow).where(SpaceRow.state.in_(states)).order_by(SpaceRow.created))
        return tuple(space.space_id for space in sorted(spaces, key=lambda space: space.state != "current"))

    def state(self, session: Session, space_id: str | None = None) -> CatalogState | None:
        """The catalogue's state in a space: live rows, and the records of the classes that have any.

        Args:
            space_id: The space; by default the current one.

        Returns:
            None where there are no rows.

        Raises:
            StoreError: If live photos have no code in the space.
        """
        if (space_id := space_id or self.space_id(session)) is None:
            return None
        live = (
            select(PhotoRow.row_id, PhotoRow.class_id, CodeRow.code)
            .outerjoin(CodeRow, (CodeRow.row_id == PhotoRow.row_id) & (CodeRow.space_id == space_id))
            .where(~PhotoRow.retired)
        )
        read: tuple[list[Any], ...] = ([], [], [])
        # Unordered: an index tells all of the photos then, and their rows, which carry pictures, stay unread.
        for part in _in_parts(session, live):
            for column, more in zip(read, zip(*part, strict=True), strict=True):
                column.extend(more)
        row_ids, class_ids, codes = read
        if not row_ids:
            return None
        if missing := codes.count(None):
            raise StoreError(
                f"{missing} of {len(row_ids)} photos have no code in space {space_id} yet; "
                "`coindex catalog reembed` with its models goes on"
            )
        rows = Rows.of(
            row_ids, class_ids, np.frombuffer(b"".join(filter(None, codes)), np.int8).reshape(-1, DIMENSIONS)
        )
        used = set(class_ids)
        *columns, facts = (getattr(CoinRow, name) for name in CoinRecord.__dataclass_fields__)
        # Facts as text: most coins have none, and each empty document would be parsed.
        coins = chain.from_iterable(_in_parts(session, select(*columns, cast(facts, Text)).where(~CoinRow.retired)))
        told = ((*coin[:-1], {} if coin[-1] == "{}" else checked_facts(json.loads(coin[-1]))) for coin in coins)
        records = {coin[0]: CoinRecord(*coin) for coin in told if coin[0] in used}
        return CatalogState(space_id, rows, records)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            reason = str(error.orig if isinstance(error, DBAPIError) else error)
            advice = next((told for found, told in ADVICE.items() if found in reason), "")
            raise StoreError(f"{_shown(self._engine.url)}: {reason}; nothing was changed{advice}") from error


def default_store() -> Path:
    """`$COINDEX_STORE`, or `./coindex-store`."""
    return Path(os.environ.get("COINDEX_STORE") or "coindex-store")


def open_store(
    folder: Path | None = None, *, create: bool = False, database_url: str | None = None, photos_url: str | None = None
) -> Store:
    """Open the store in a folder, and bring its tables up to date.

    Args:
        folder: The folder; by default `$COINDEX_STORE`, or `./coindex-store`.
        create: Whether to make a store where there is none.
        database_url: A PostgreSQL database; by default `$COINDEX_DATABASE_URL`. Empty or unset, the tables lie in the
            folder.
        photos_url: An fsspec URL; by default `$COINDEX_PHOTOS_URL`. Empty or unset, the photos lie in the folder.

    Raises:
        StoreError: If there is no store, or it is newer than this coindex.
    """
    folder = default_store() if folder is None else folder
    url = _database(folder, os.environ.get(DATABASE_URL) if database_url is None else database_url)
    elsewhere = url.get_backend_name() == "postgresql"
    if not create and not elsewhere and not (folder / DATABASE).is_file():
        raise _no_store(folder)
    photos = photo_files(folder / "photos", os.environ.get(PHOTOS_URL) if photos_url is None else photos_url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if create and not elsewhere:
            # SQLite gives its other files what this one has: it is for its owner alone, who may let others in.
            with contextlib.suppress(FileExistsError):
                private_file(folder / DATABASE).close()
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); --store names another folder") from None
    store = Store(folder, _engine(url), photos)
    try:
        if not _is_up_to_date(store):
            with store.reading() as session:
                _refuse_newer(session.connection(), _shown(url))
            _copy_before_migrating(store)
            with store.changing() as session:
                # Once more: another process may have been quicker.
                _refuse_newer(session.connection(), _shown(url))
                _migrate(session.connection(), or_raise=None if create else _no_store(folder))
    except BaseException:
        store.close()
        raise
    return store


def now() -> str:
    """The time as RFC 3339 in UTC, to the second."""
    return from_now(timedelta())


def from_now(span: timedelta) -> str:
    """The time a span from now, or ago, as RFC 3339 in UTC, to the second."""
    return (datetime.now(UTC) + span).strftime("%Y-%m-%dT%H:%M:%SZ")


def _in_parts(session: Session, query: Executable) -> Iterator[Sequence[Any]]:
    """The rows of a query, some at a time."""
    session.flush()
    yield from session.connection().execute(query, execution_options={"yield_per": AT_ONCE}).partitions()


def _database(folder: Path, url: str | None) -> URL:
    if not url:
        return URL.create("sqlite", database=str(folder / DATABASE))
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    # The driver is ours to choose; `postgres` is what many hosts call it.
    if parsed is None or parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise StoreError(
            f"{DATABASE_URL}: not the URL of a PostgreSQL database; expected postgresql://USER:PASSWORD@HOST/DATABASE "
            "(unset it for the SQLite file in the store's folder)"
        )
    return parsed.set(drivername="postgresql+psycopg")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:
            return create_engine(url, pool_pre_ping=True, connect_args={"options": KEEPALIVE})
        except ImportError as error:
            raise StoreError(
                f"PostgreSQL needs psycopg ({error.name} is not installed): pip install coindex[scale]"
            ) from None
    # Without an isolation level of its own the driver leaves BEGIN to us: a change takes its lock at once.
    arguments = {"timeout": LOCK_SECONDS, "isolation_level": None}
    path = Path(url.database or "")
    if path.is_file() and not (_is_writable(path) and _is_writable(path.parent)):
        return create_engine(_read_only(path), connect_args=arguments)
    engine = create_engine(url, connect_args=arguments)
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _read_only(path: Path) -> URL:
    """A database in a folder that cannot be written: SQLite reads it without the files it would make beside it."""
    query = {"uri": "true", "mode": "ro"}
    if not path.with_name(f"{path.name}-wal").is_file():
        query["immutable"] = "1"
    return URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query=query)


def _set_pragmas(connection: object, _: ConnectionPoolEntry) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def _is_up_to_date(store: Store) -> bool:
    with store.reading() as session:
        return _version(session.connection()) == HEAD


def _refuse_newer(connection: Connection, shown: str) -> None:
    """Raises `StoreError` for a database with a layout that this coindex does not know."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    version, config = _version(connection), Config()
    config.set_main_option("script_location", MIGRATIONS)
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(f"{shown}: a store of layout {version}, this coindex knows {HEAD}; update coindex")


def _copy_before_migrating(store: Store) -> None:
    """Keep a SQLite database as it is before its tables change: an older coindex can go on with the copy. PostgreSQL
    has tools of its own for that."""
    if store.on_postgres:
        return
    with store.reading() as session:
        connection = session.connection()
        if _version(connection) is None and not inspect(connection).has_table("meta"):
            return  # it is new
    path = store.folder / f"{DATABASE}{COPY}{HEAD}"
    try:
        path.unlink(missing_ok=True)
        private_file(path).close()
        with store._errors(), store.engine.connect() as connection:
            copy = sqlite3.connect(path)
            try:
                connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
            finally:
                copy.close()
        sync_folder(store.folder)
    except (OSError, sqlite3.Error) as error:
        path.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: the database cannot be copied before its tables are brought up to date ({error}); nothing was "
            f"changed{FULL if 'full' in str(error) else ''}"
        ) from error


def _version(connection: Connection) -> str | None:
    """The last migration that a database has had, None where it had none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _migrate(connection: Connection, *, or_raise: StoreError | None) -> None:
    """Take the missing steps, in the connection's transaction. Raises `or_raise`, if any, for a database without
    tables."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", MIGRATIONS)
    if _version(connection) is None and or_raise is not None and not inspect(connection).has_table("meta"):
        raise or_raise
    command.upgrade(config, "head")


def _no_store(folder: Path) -> StoreError:
    return StoreError(
        f"{folder}: no store here; `coindex catalog import MANIFEST` or `coindex catalog users add NAME` makes one, "
        "--store names another"
    )


def _advice(number: int | None) -> str:
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return READ_ONLY
    return FULL if number in (errno.ENOSPC, errno.EDQUOT) else ""


def _shown(url: URL) -> str:
    """A database as messages name it, without a password."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)

"""The curator's store: coin classes, reference photos, releases, in one database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from catalog_server.photos import LocalPhotos, PhotoFiles
from coindex.catalog import CatalogState, CoinRecord, Rows
from coindex.catalog.state import MAX_ID
from coindex.codes import DIMENSIONS
from coindex.errors import StoreError
from coindex.manifest import CoinClass

__all__ = ["CoinRow", "Meta", "PhotoRow", "ReleaseRow", "Store", "default_store", "now", "open_store"]

DATABASE = "catalog.sqlite"
SCHEMA = "2"
"""Schema 1 had no columns for how a release was measured; such a store is brought up to date when it is opened."""
LOCK_SECONDS = 30
"""How long a change waits for another curator's to end."""


class Base(DeclarativeBase):
    """Tables of the store."""


class CoinRow(Base):
    """A coin class. Its id is given once and never again, whatever becomes of the class."""

    __tablename__ = "coins"
    class_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    country: Mapped[str]
    currency: Mapped[str]
    denomination: Mapped[str]
    variant: Mapped[str]
    side: Mapped[str]
    name: Mapped[str]
    design: Mapped[str]
    retired: Mapped[bool] = mapped_column(default=False)
    created: Mapped[str]
    photos: Mapped[list["PhotoRow"]] = relationship(back_populates="coin", order_by="PhotoRow.row_id")
    __table_args__ = (
        CheckConstraint(f"class_id <= {MAX_ID}"),
        # A retired class gives its label free: the same coin added again is a new class.
        Index(
            "one_live_class_a_label",
            "country",
            "currency",
            "denomination",
            "variant",
            "side",
            unique=True,
            sqlite_where=text("retired = 0"),
            postgresql_where=text("not retired"),
        ),
        {"sqlite_autoincrement": True},
    )

    @property
    def label(self) -> CoinClass:
        """The class as manifests name it."""
        return CoinClass(self.country, self.currency, self.denomination, self.variant, self.side)

    @property
    def record(self) -> CoinRecord:
        """The class as releases carry it."""
        fields = (self.country, self.currency, self.denomination, self.variant, self.side)
        return CoinRecord(self.class_id, *fields, name=self.name, design=self.design)


class PhotoRow(Base):
    """A reference photo and its code: a row of the catalogue, under an id that is never given again."""

    __tablename__ = "photos"
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    class_id: Mapped[int] = mapped_column(ForeignKey("coins.class_id"), index=True)
    photo_sha256: Mapped[str]
    source: Mapped[str]
    specimen: Mapped[str]
    year: Mapped[str]
    space_id: Mapped[str]
    code: Mapped[bytes] = mapped_column(LargeBinary)
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    retired: Mapped[bool] = mapped_column(default=False)
    created: Mapped[str]
    coin: Mapped[CoinRow] = relationship(back_populates="photos")
    __table_args__ = (
        CheckConstraint(f"row_id <= {MAX_ID}"),
        Index("one_row_a_photo_and_class", "class_id", "photo_sha256", unique=True),
        {"sqlite_autoincrement": True},
    )


class ReleaseRow(Base):
    """A published release. `recall_at_1` is what its graphs found when it was measured, `override` the reason why it
    was published if that was too little."""

    __tablename__ = "releases"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created: Mapped[str]
    space_id: Mapped[str]
    state_hash: Mapped[str]
    rows: Mapped[int]
    classes: Mapped[int]
    recall_at_1: Mapped[float | None]
    override: Mapped[str | None]


class Meta(Base):
    """Facts about the store itself: `schema`, and `space_id` once there are codes."""

    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Store:
    """An opened store: a folder with the database, the photo files and the releases."""

    def __init__(self, folder: Path, engine: Any) -> None:
        self.folder = folder
        self._engine = engine

    @property
    def photos(self) -> PhotoFiles:
        """The photo files."""
        return LocalPhotos(self.folder / "photos")

    @property
    def releases(self) -> Path:
        """The folder that is served under `/releases/`."""
        return self.folder / "releases"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view of the store, unmoved by changes made meanwhile."""
        with self._transaction("BEGIN") as session:
            yield session

    @contextmanager
    def changing(self) -> Iterator[Session]:
        """A change that is made whole at the end of the block, or not at all; one at a time."""
        with self._transaction("BEGIN IMMEDIATE") as session:
            yield session

    def space_id(self, session: Session) -> str | None:
        """The embedding space of the store's codes, None where there are none yet."""
        meta = session.get(Meta, "space_id")
        return meta.value if meta else None

    def state(self, session: Session) -> CatalogState | None:
        """The catalogue's state: live rows, and the records of the classes that have any. None where there are no
        rows."""
        space_id = self.space_id(session)
        live = select(PhotoRow.row_id, PhotoRow.class_id, PhotoRow.code).where(~PhotoRow.retired)
        found = session.execute(live.order_by(PhotoRow.row_id)).all()
        if not found or space_id is None:
            return None
        codes = np.frombuffer(b"".join(row.code for row in found), np.int8).reshape(-1, DIMENSIONS)
        rows = Rows.of((row.row_id for row in found), (row.class_id for row in found), codes)
        used = {row.class_id for row in found}
        coins = session.scalars(select(CoinRow).where(~CoinRow.retired))
        return CatalogState(space_id, rows, {coin.class_id: coin.record for coin in coins if coin.class_id in used})

    def retire(self, class_id: int) -> tuple[CoinRecord, int]:
        """Take a class and its photos out of the catalogue. Returns it and the number of photos. Raises
        `StoreError`."""
        with self.changing() as session:
            coin = session.get(CoinRow, class_id)
            if coin is None:
                raise StoreError(f"there is no class {class_id}; `coindex catalog list` shows those there are")
            if coin.retired:
                raise StoreError(f"class {class_id} ({coin.name}, {coin.side}) is retired already")
            live = [photo for photo in coin.photos if not photo.retired]
            for photo in live:
                photo.retired = True
            coin.retired = True
            return coin.record, len(live)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _prepare(self) -> None:
        """Make the tables where there are none. Raises `StoreError` for tables of another schema."""
        with self.changing() as session:
            Base.metadata.create_all(session.connection())
            schema = session.get(Meta, "schema")
            if schema is None:
                session.add(Meta(name="schema", value=SCHEMA))
            elif schema.value == "1":
                session.execute(text("ALTER TABLE releases ADD COLUMN recall_at_1 FLOAT"))
                session.execute(text("ALTER TABLE releases ADD COLUMN override VARCHAR"))
                schema.value = SCHEMA
            elif schema.value != SCHEMA:
                raise StoreError(
                    f"{self.folder}: a store of schema {schema.value}, this coindex knows {SCHEMA}; update coindex"
                )

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                session.execute(text(begin))
                yield session
        except DBAPIError as error:
            raise StoreError(f"{self.folder / DATABASE}: {error.orig}; nothing was changed") from error


def default_store() -> Path:
    """`$COINDEX_STORE`, or `./coindex-store`."""
    return Path(os.environ.get("COINDEX_STORE") or "coindex-store")


def open_store(folder: Path | None = None, *, create: bool = False) -> Store:
    """Open the store in a folder, making it where `create`. Raises `StoreError` where there is none or it is newer."""
    folder = default_store() if folder is None else folder
    path = folder / DATABASE
    if not path.is_file() and not create:
        raise StoreError(f"{folder}: no store here; `coindex catalog import MANIFEST` makes one, --store names another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); --store names another folder") from None
    # Without an isolation level of its own the driver leaves BEGIN to us: a change takes its lock at once.
    arguments = {"timeout": LOCK_SECONDS, "isolation_level": None}
    engine = create_engine(f"sqlite:///{path}", connect_args=arguments)
    event.listen(engine, "connect", _set_pragmas)
    store = Store(folder, engine)
    try:
        store._prepare()
    except BaseException:
        store.close()
        raise
    return store


def now() -> str:
    """The time as RFC 3339 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _set_pragmas(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")

"""The tables of the store, as SQLite and PostgreSQL both have them."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from coindex.catalog import CoinRecord
from coindex.catalog.state import MAX_ID
from coindex.manifest import CoinClass

__all__ = [
    "AuditRow",
    "Base",
    "CodeRow",
    "CoinRow",
    "JobRow",
    "Meta",
    "PhotoRow",
    "ReleaseRow",
    "SessionRow",
    "SignInRow",
    "SpaceRow",
    "TokenRow",
    "UserRow",
]

Id = BigInteger().with_variant(Integer, "sqlite")
"""Ids run to 2³² - 1, which PostgreSQL's integer does not; SQLite counts up by itself in INTEGER alone."""

NEVER_AGAIN = {"sqlite_autoincrement": True}
"""SQLite gives no id twice, whatever became of its row; PostgreSQL's sequences never do."""


class Base(DeclarativeBase):
    """Tables of the store."""


class CoinRow(Base):
    """A coin class. Its id is given once and never again, whatever becomes of the class. `revision` counts its
    changes: an edit names the one that it saw."""

    __tablename__ = "coins"
    class_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    country: Mapped[str]
    currency: Mapped[str]
    denomination: Mapped[str]
    variant: Mapped[str]
    side: Mapped[str]
    name: Mapped[str]
    design: Mapped[str]
    retired: Mapped[bool] = mapped_column(default=False)
    created: Mapped[str]
    revision: Mapped[int] = mapped_column(default=1, server_default="1")
    updated: Mapped[str] = mapped_column(server_default="")
    photos: Mapped[list["PhotoRow"]] = relationship(back_populates="coin", order_by="PhotoRow.row_id")
    __table_args__ = (
        CheckConstraint(f"class_id <= {MAX_ID}", name="class_id_is_uint32"),
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
            postgresql_where=text("NOT retired"),
        ),
        NEVER_AGAIN,
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
    """A reference photo: a row of the catalogue, under an id that is never given again. `retired_with_coin` tells a
    photo that went with its class, and comes back with it, from one that was retired by itself."""

    __tablename__ = "photos"
    row_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    class_id: Mapped[int] = mapped_column(ForeignKey("coins.class_id"), index=True)
    photo_sha256: Mapped[str]
    source: Mapped[str]
    specimen: Mapped[str]
    year: Mapped[str]
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    retired: Mapped[bool] = mapped_column(default=False)
    retired_with_coin: Mapped[bool] = mapped_column(default=False, server_default=false())
    created: Mapped[str]
    coin: Mapped[CoinRow] = relationship(back_populates="photos")
    codes: Mapped[list["CodeRow"]] = relationship()
    __table_args__ = (
        CheckConstraint(f"row_id <= {MAX_ID}", name="row_id_is_uint32"),
        Index("one_row_a_photo_and_class", "class_id", "photo_sha256", unique=True),
        NEVER_AGAIN,
    )


class CodeRow(Base):
    """A photo's code in one embedding space: 64 int8."""

    __tablename__ = "codes"
    row_id: Mapped[int] = mapped_column(Id, ForeignKey("photos.row_id"), primary_key=True, autoincrement=False)
    space_id: Mapped[str] = mapped_column(ForeignKey("spaces.space_id"), primary_key=True)
    code: Mapped[bytes] = mapped_column(LargeBinary)


class SpaceRow(Base):
    """An embedding space. One is `current`: new devices are given it. Others are `preparing`, `published` beside it,
    or `ended`."""

    __tablename__ = "spaces"
    space_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    created: Mapped[str]
    __table_args__ = (
        CheckConstraint("state in ('current', 'preparing', 'published', 'ended')", name="state_of_a_space"),
        Index(
            "one_current_space",
            "state",
            unique=True,
            sqlite_where=text("state = 'current'"),
            postgresql_where=text("state = 'current'"),
        ),
    )


class ReleaseRow(Base):
    """A published release. `recall_at_1` is what its graphs found when it was measured, `override` the reason why it
    was published if that was too little."""

    __tablename__ = "releases"
    version: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    created: Mapped[str]
    space_id: Mapped[str]
    state_hash: Mapped[str]
    rows: Mapped[int]
    classes: Mapped[int]
    recall_at_1: Mapped[float | None]
    override: Mapped[str | None]


class UserRow(Base):
    """An account. A publisher may all that a curator may, and publish, roll back and manage accounts besides."""

    __tablename__ = "users"
    user_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str]
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[str]
    __table_args__ = (CheckConstraint("role in ('curator', 'publisher')", name="role_of_a_user"), NEVER_AGAIN)


class SignInRow(Base):
    """An attempt to sign in: what the limits on guessing go by. `at` is in seconds since 1970."""

    __tablename__ = "sign_ins"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(index=True)
    at: Mapped[float]
    ok: Mapped[bool]


class SessionRow(Base):
    """Somebody who is signed in, by the SHA-256 of the token that the browser holds."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"), index=True)
    created: Mapped[str]
    expires: Mapped[str]
    csrf: Mapped[str]


class TokenRow(Base):
    """An API token, by its SHA-256."""

    __tablename__ = "tokens"
    token_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"), index=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    created: Mapped[str]
    expires: Mapped[str | None]
    last_used: Mapped[str | None]
    revoked: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (CheckConstraint("role in ('curator', 'publisher')", name="role_of_a_token"), NEVER_AGAIN)


class AuditRow(Base):
    """Who changed what, written in the transaction of the change. `subject` is such as `coin:3`, `detail` JSON."""

    __tablename__ = "audit"
    audit_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    at: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    detail: Mapped[str]
    __table_args__ = (NEVER_AGAIN,)


class JobRow(Base):
    """Long work in the background. `heartbeat` is when it last told its progress, in seconds since 1970."""

    __tablename__ = "jobs"
    job_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")
    detail: Mapped[str]
    actor: Mapped[str]
    created: Mapped[str]
    started: Mapped[str | None]
    ended: Mapped[str | None]
    heartbeat: Mapped[float | None]
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state_of_a_job"),
        NEVER_AGAIN,
    )


class Meta(Base):
    """Facts about the store itself. `schema` is there for versions of coindex from before the migrations, which go by
    it and so refuse this store by name."""

    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]

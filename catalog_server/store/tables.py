"""The tables of the store, as SQLite and PostgreSQL both have them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, event, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from coindex.catalog import CoinRecord
from coindex.catalog.state import MAX_ID
from coindex.facts import Facts, checked_facts
from coindex.manifest import CoinClass
from coindex.text import plain

__all__ = [
    "AuditRow",
    "Base",
    "CodeRow",
    "CoinRow",
    "ConfirmedRow",
    "JobRow",
    "Meta",
    "PackCountryRow",
    "PackRow",
    "PhotoRow",
    "ProposalPhotoRow",
    "ProposalRow",
    "ReleaseRow",
    "ReliefRow",
    "ResetRow",
    "SessionRow",
    "SignInRow",
    "SpaceRow",
    "StepChangeRow",
    "StepRow",
    "TokenRow",
    "UserRow",
    "WorkPartRow",
    "searched_words",
]

Id = BigInteger().with_variant(Integer, "sqlite")
"""Ids run to 2³² - 1, which PostgreSQL's integer does not; SQLite counts up by itself in INTEGER alone."""

NEVER_AGAIN = {"sqlite_autoincrement": True}
"""SQLite gives no id twice, whatever became of its row; PostgreSQL's sequences never do."""


class Base(DeclarativeBase):
    """Tables of the store."""


class CoinRow(Base):
    """A coin class. Its id is given once and never again, whatever becomes of the class. `revision` counts its
    changes: an edit names the one that it saw. `words` is all that it is found by, kept up by itself. `pack_id` is the
    pack that a curator put it in by itself; else it is in that of its country."""

    __tablename__ = "coins"
    class_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    country: Mapped[str]
    currency: Mapped[str]
    denomination: Mapped[str]
    variant: Mapped[str]
    side: Mapped[str]
    name: Mapped[str]
    design: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    words: Mapped[str] = mapped_column(default="", server_default="")
    pack_id: Mapped[str | None]
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
        return CoinRecord(self.class_id, *fields, name=self.name, design=self.design, facts=self.told)

    @property
    def told(self) -> Facts:
        """The facts of the coin, checked."""
        return checked_facts(self.facts) if self.facts else {}


def searched_words(name: str, label: Iterable[str], design: str, facts: Facts) -> str:
    """All that a class is found by, plain: its names, and the text of its facts."""
    told = (fact for fact in facts.values() if isinstance(fact, str))
    return plain("\n".join(dict.fromkeys((name, *label, design, *told))))


@event.listens_for(CoinRow, "before_insert")
@event.listens_for(CoinRow, "before_update")
def _keep_words(mapper: object, connection: object, coin: CoinRow) -> None:
    label = (coin.country, coin.currency, coin.denomination, coin.variant)
    coin.words = searched_words(coin.name, label, coin.design, checked_facts(coin.facts) if coin.facts else {})


class PackRow(Base):
    """A part in which releases may be taken; `names` are what it is called, by language."""

    __tablename__ = "packs"
    pack_id: Mapped[str] = mapped_column(primary_key=True)
    names: Mapped[dict[str, str]] = mapped_column(JSON)
    created: Mapped[str]
    countries: Mapped[list["PackCountryRow"]] = relationship(
        order_by="PackCountryRow.country", cascade="all, delete-orphan"
    )


class PackCountryRow(Base):
    """A country whose coins are in a pack, but for those that were put in another one by themselves."""

    __tablename__ = "pack_countries"
    country: Mapped[str] = mapped_column(primary_key=True)
    pack_id: Mapped[str] = mapped_column(ForeignKey("packs.pack_id"), index=True)


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
    reliefs: Mapped[list["ReliefRow"]] = relationship()
    __table_args__ = (
        CheckConstraint(f"row_id <= {MAX_ID}", name="row_id_is_uint32"),
        Index("one_row_a_photo_and_class", "class_id", "photo_sha256", unique=True),
        # Photos are counted by it: the rows themselves carry pictures.
        Index("photos_of_a_class", "class_id", "retired", "row_id"),
        NEVER_AGAIN,
    )


class CodeRow(Base):
    """A photo's code in one embedding space: 64 int8."""

    __tablename__ = "codes"
    row_id: Mapped[int] = mapped_column(Id, ForeignKey("photos.row_id"), primary_key=True, autoincrement=False)
    space_id: Mapped[str] = mapped_column(ForeignKey("spaces.space_id"), primary_key=True)
    code: Mapped[bytes] = mapped_column(LargeBinary)


class ReliefRow(Base):
    """A photo's relief map by one relief net, packed: `MAP_BYTES` bytes. It can be made again from the photo."""

    __tablename__ = "reliefs"
    row_id: Mapped[int] = mapped_column(Id, ForeignKey("photos.row_id"), primary_key=True, autoincrement=False)
    relief_id: Mapped[str] = mapped_column(primary_key=True)
    map: Mapped[bytes] = mapped_column(LargeBinary)


class ConfirmedRow(Base):
    """A photo that somebody looked at and found to be of its class, so that it is no longer told to be suspect."""

    __tablename__ = "confirmed"
    row_id: Mapped[int] = mapped_column(Id, ForeignKey("photos.row_id"), primary_key=True, autoincrement=False)
    actor: Mapped[str]
    at: Mapped[str]


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
    """An account. A publisher may all that a curator may, and publish, roll back and manage accounts besides.
    `second_factor` is the secret of its TOTP codes (base32), where it has them, and `second_factor_step` the 30 seconds
    of the code that was used last: no code is good twice."""

    __tablename__ = "users"
    user_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str]
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[str]
    second_factor: Mapped[str | None]
    second_factor_step: Mapped[int | None] = mapped_column(BigInteger)
    __table_args__ = (CheckConstraint("role in ('curator', 'publisher')", name="role_of_a_user"), NEVER_AGAIN)


class ResetRow(Base):
    """A link by which a new password is set, once, by the SHA-256 of its token."""

    __tablename__ = "resets"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"), index=True)
    expires: Mapped[str]


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


class StepRow(Base):
    """A change of many coins and photos as one, which can be undone; `undoes` names the step that it undid. What it did
    stands in the entry of the audit log."""

    __tablename__ = "steps"
    step_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    audit_id: Mapped[int] = mapped_column(ForeignKey("audit.audit_id"), unique=True)
    undoes: Mapped[int | None] = mapped_column(ForeignKey("steps.step_id"))
    audit: Mapped[AuditRow] = relationship()
    changes: Mapped[list["StepChangeRow"]] = relationship(order_by="StepChangeRow.subject")
    __table_args__ = (NEVER_AGAIN,)


class StepChangeRow(Base):
    """What a step changed of a coin or a photo, such as `coin:3`: its fields before and after."""

    __tablename__ = "step_changes"
    step_id: Mapped[int] = mapped_column(Id, ForeignKey("steps.step_id"), primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(primary_key=True, index=True)
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)


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


class WorkPartRow(Base):
    """A part of work that processes on one PostgreSQL do together; `items` are the numbers of what is to be done.
    `leader` offers it and `worker` has taken it, each by the number under which its process is alive."""

    __tablename__ = "work_parts"
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    leader: Mapped[int]
    worker: Mapped[int | None]
    items: Mapped[list[int]] = mapped_column(JSON)
    done: Mapped[bool] = mapped_column(default=False, server_default=false())


class ProposalRow(Base):
    """A coin that a collector offers. `receipt` lets the sender ask what became of it; `sender` is a keyed hash of the
    address that it came from, blank where that does not matter; `at` is in seconds since 1970; `word` is the curator's;
    `class_id` is the class that took its last photo."""

    __tablename__ = "proposals"
    proposal_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    receipt: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(index=True)
    created: Mapped[str]
    at: Mapped[float]
    sender: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    note: Mapped[str]
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    app: Mapped[str]
    word: Mapped[str] = mapped_column(default="")
    class_id: Mapped[int | None] = mapped_column(ForeignKey("coins.class_id"))
    photos: Mapped[list["ProposalPhotoRow"]] = relationship(order_by="ProposalPhotoRow.photo_id")
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'accepted', 'rejected')", name="state_of_a_proposal"),
        NEVER_AGAIN,
    )


class ProposalPhotoRow(Base):
    """A photo of a proposal, re-encoded, for as long as nobody has decided about it."""

    __tablename__ = "proposal_photos"
    photo_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    proposal_id: Mapped[int] = mapped_column(ForeignKey("proposals.proposal_id"), index=True)
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    __table_args__ = (NEVER_AGAIN,)


class Meta(Base):
    """Facts about the store itself. `schema` is there for versions of coindex from before the migrations, which go by
    it and so refuse this store by name."""

    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]

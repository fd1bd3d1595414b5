"""Codes of several spaces, revisions, accounts, the audit log and jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Move codes into a table of their own, and make what accounts and background work need."""
    _count_revisions()
    _move_codes()
    _make_accounts()
    _make_audit_and_jobs()
    op.execute("DELETE FROM meta")
    op.execute("INSERT INTO meta (name, value) VALUES ('schema', '3')")


def _count_revisions() -> None:
    op.add_column("coins", sa.Column("revision", sa.Integer, nullable=False, server_default="1"))
    op.add_column("coins", sa.Column("updated", sa.String, nullable=False, server_default=""))
    op.execute("UPDATE coins SET updated = created")
    with_coin = sa.Column("retired_with_coin", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("photos", with_coin)
    # Until now photos were retired with their class and not otherwise.
    op.execute("UPDATE photos SET retired_with_coin = retired")


def _move_codes() -> None:
    op.create_table(
        "spaces",
        sa.Column("space_id", sa.String, primary_key=True),
        *_texts("state", "created"),
        sa.CheckConstraint("state in ('current', 'preparing', 'published', 'ended')", name="state_of_a_space"),
    )
    op.create_index(
        "one_current_space",
        "spaces",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'current'"),
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_table(
        "codes",
        sa.Column("row_id", ID, sa.ForeignKey("photos.row_id"), primary_key=True, autoincrement=False),
        sa.Column("space_id", sa.String, sa.ForeignKey("spaces.space_id"), primary_key=True),
        sa.Column("code", sa.LargeBinary, nullable=False),
    )
    op.execute(
        "INSERT INTO spaces (space_id, state, created) "
        "SELECT value, 'current', coalesce((SELECT min(created) FROM photos), '1970-01-01T00:00:00Z') "
        "FROM meta WHERE name = 'space_id'"
    )
    op.execute("INSERT INTO codes (row_id, space_id, code) SELECT row_id, space_id, code FROM photos")
    op.drop_column("photos", "code")
    op.drop_column("photos", "space_id")


def _make_accounts() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", ID, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        *_texts("password_hash", "role"),
        sa.Column("disabled", sa.Boolean, nullable=False),
        *_texts("created"),
        sa.CheckConstraint("role in ('curator', 'publisher')", name="role_of_a_user"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        *_texts("name", "address"),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
    )
    op.create_index("ix_sign_ins_name", "sign_ins", ["name"])
    op.create_index("ix_sign_ins_address", "sign_ins", ["address"])
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.user_id"), nullable=False),
        *_texts("created", "expires", "csrf"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "tokens",
        sa.Column("token_id", ID, primary_key=True, autoincrement=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.user_id"), nullable=False),
        *_texts("name"),
        sa.Column("token_hash", sa.String, nullable=False, unique=True),
        *_texts("role", "created"),
        sa.Column("expires", sa.String),
        sa.Column("last_used", sa.String),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.CheckConstraint("role in ('curator', 'publisher')", name="role_of_a_token"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])


def _make_audit_and_jobs() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", ID, primary_key=True, autoincrement=True),
        *_texts("at", "actor", "action", "subject", "detail"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "jobs",
        sa.Column("job_id", ID, primary_key=True, autoincrement=True),
        *_texts("kind", "state"),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        *_texts("message", "detail", "actor", "created"),
        sa.Column("started", sa.String),
        sa.Column("ended", sa.String),
        sa.Column("heartbeat", sa.Double),
        sa.CheckConstraint("state in ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state_of_a_job"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String, nullable=False) for name in names]

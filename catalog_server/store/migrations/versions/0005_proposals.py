"""Proposals of collectors, with their photos."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "proposals",
        sa.Column("proposal_id", ID, primary_key=True, autoincrement=True),
        sa.Column("receipt", sa.String, nullable=False, unique=True),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("sender", sa.String, nullable=False, index=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("word", sa.String, nullable=False),
        sa.Column("class_id", ID, sa.ForeignKey("coins.class_id"), nullable=True),
        sa.CheckConstraint("state in ('waiting', 'accepted', 'rejected')", name="state_of_a_proposal"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "proposal_photos",
        sa.Column("photo_id", ID, primary_key=True, autoincrement=True),
        sa.Column("proposal_id", ID, sa.ForeignKey("proposals.proposal_id"), nullable=False, index=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )

"""Changes of many coins and photos as one, which can be undone; photos that somebody found to be right."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "steps",
        sa.Column("step_id", ID, primary_key=True, autoincrement=True),
        sa.Column("audit_id", ID, sa.ForeignKey("audit.audit_id"), nullable=False, unique=True),
        sa.Column("undoes", ID, sa.ForeignKey("steps.step_id"), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "step_changes",
        sa.Column("step_id", ID, sa.ForeignKey("steps.step_id"), primary_key=True, autoincrement=False),
        sa.Column("subject", sa.String, primary_key=True, index=True),
        sa.Column("before", sa.JSON, nullable=False),
        sa.Column("after", sa.JSON, nullable=False),
    )
    op.create_table(
        "confirmed",
        sa.Column("row_id", ID, sa.ForeignKey("photos.row_id"), primary_key=True, autoincrement=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )

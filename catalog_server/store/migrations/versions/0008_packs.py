"""Packs: the parts in which a release may be taken."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make their tables, and let each coin name its pack."""
    op.create_table(
        "packs",
        sa.Column("pack_id", sa.String, primary_key=True),
        sa.Column("names", sa.JSON, nullable=False),
        sa.Column("created", sa.String, nullable=False),
    )
    op.create_table(
        "pack_countries",
        sa.Column("country", sa.String, primary_key=True),
        sa.Column("pack_id", sa.String, sa.ForeignKey("packs.pack_id"), nullable=False, index=True),
    )
    # Without a foreign key: SQLite could add one only by rebuilding the table.
    op.add_column("coins", sa.Column("pack_id", sa.String, nullable=True))

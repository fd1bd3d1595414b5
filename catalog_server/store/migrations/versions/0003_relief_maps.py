"""Relief maps of photos; those of the photos that are there are made when they are published next."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "reliefs",
        sa.Column("row_id", ID, sa.ForeignKey("photos.row_id"), primary_key=True, autoincrement=False),
        sa.Column("relief_id", sa.String, primary_key=True),
        sa.Column("map", sa.LargeBinary, nullable=False),
    )

"""Second factors of accounts, links by which a new password is set, and an index by which photos are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make their columns, table and index."""
    op.add_column("users", sa.Column("second_factor", sa.String, nullable=True))
    op.add_column("users", sa.Column("second_factor_step", sa.BigInteger, nullable=True))
    op.create_index("photos_of_a_class", "photos", ["class_id", "retired", "row_id"])
    op.create_table(
        "resets",
        sa.Column("token_hash", sa.String, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.user_id"), nullable=False, index=True),
        sa.Column("expires", sa.String, nullable=False),
    )

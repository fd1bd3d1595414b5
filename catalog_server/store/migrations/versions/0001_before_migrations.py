"""The store as it was before it had migrations; one of that time is taken over."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MAX_ID = 2**32 - 1


def upgrade() -> None:
    """Make the tables of schema 2, or bring those of schema 1 there."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("meta"):
        _make_tables()
    elif connection.scalar(sa.text("SELECT value FROM meta WHERE name = 'schema'")) == "1":
        op.add_column("releases", sa.Column("recall_at_1", sa.Double))
        op.add_column("releases", sa.Column("override", sa.String))


def _make_tables() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "coins",
        sa.Column("class_id", ID, primary_key=True, autoincrement=True),
        *_texts("country", "currency", "denomination", "variant", "side", "name", "design"),
        sa.Column("retired", sa.Boolean, nullable=False),
        *_texts("created"),
        sa.CheckConstraint(f"class_id <= {MAX_ID}", name="class_id_is_uint32"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "one_live_class_a_label",
        "coins",
        ["country", "currency", "denomination", "variant", "side"],
        unique=True,
        sqlite_where=sa.text("retired = 0"),
        postgresql_where=sa.text("NOT retired"),
    )
    op.create_table(
        "photos",
        sa.Column("row_id", ID, primary_key=True, autoincrement=True),
        sa.Column("class_id", ID, sa.ForeignKey("coins.class_id"), nullable=False),
        *_texts("photo_sha256", "source", "specimen", "year", "space_id"),
        sa.Column("code", sa.LargeBinary, nullable=False),
        sa.Column("thumbnail", sa.LargeBinary, nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
        *_texts("created"),
        sa.CheckConstraint(f"row_id <= {MAX_ID}", name="row_id_is_uint32"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_photos_class_id", "photos", ["class_id"])
    op.create_index("one_row_a_photo_and_class", "photos", ["class_id", "photo_sha256"], unique=True)
    op.create_table(
        "releases",
        sa.Column("version", ID, primary_key=True, autoincrement=False),
        *_texts("created", "space_id", "state_hash"),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("classes", sa.Integer, nullable=False),
        sa.Column("recall_at_1", sa.Double),
        sa.Column("override", sa.String),
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String, nullable=False) for name in names]

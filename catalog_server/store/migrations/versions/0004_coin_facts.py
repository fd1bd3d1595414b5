"""Facts of coins, names that do not repeat themselves, and the words by which coins are found."""

import sqlalchemy as sa
from alembic import op

from catalog_server.store.tables import searched_words
from coindex.manifest import composed_name

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Give each coin facts, none yet, and the name that it is shown under from now on."""
    op.add_column("coins", sa.Column("facts", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("coins", sa.Column("words", sa.String, nullable=False, server_default=""))
    _name_anew(op.get_bind())


def _name_anew(connection: sa.Connection) -> None:
    label = ("country", "currency", "denomination", "variant")
    coins = sa.table("coins", *map(sa.column, ("class_id", "name", "words", "design", *label)))
    for row in connection.execute(sa.select(coins)).mappings().all():
        name = composed_name(**{part: row[part] for part in label})
        words = searched_words(name, [row[part] for part in label], row["design"], {})
        named = sa.update(coins).where(coins.c.class_id == row["class_id"]).values(name=name, words=words)
        connection.execute(named)

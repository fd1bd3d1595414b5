"""What Alembic runs: the missing steps, on the connection and in the transaction of whoever opens the store."""

from alembic import context

from catalog_server.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()

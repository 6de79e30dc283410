"""How Alembic runs here: on the connection, and in the transaction, that `troth.store.database` hands it."""

from __future__ import annotations

from alembic import context

from troth.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()

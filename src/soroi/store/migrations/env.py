"""Where Alembic enters: it is given an open connection and runs inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from soroi.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()

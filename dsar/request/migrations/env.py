"""What Alembic runs: the steps, on the connection it is handed."""

from alembic import context

from dsar.request.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()

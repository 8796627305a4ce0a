"""Alembic's entry: runs the migrations on the connection that `catalog.upgrade` hands over."""

from alembic import context

from soundalike.catalog.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()

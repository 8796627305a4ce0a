"""Holders of batches' locks are numbered: a run that lost its lock records nothing any more."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("lock_holder", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("batches", column)

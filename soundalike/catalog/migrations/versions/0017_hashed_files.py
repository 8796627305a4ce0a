"""Summaries have the hash of a batch's files, and an index finds the files of a folder.

Summaries are made anew by the next tick.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("delete from batch_summaries")
    op.add_column("batch_summaries", sa.Column("files", sa.BigInteger, nullable=False))
    op.add_column("batch_summaries", sa.Column("files_hash", sa.Numeric, nullable=False))
    op.create_index("ix_files_path_start", "files", ["root_id", sa.text("substr(path, 1, 256)")])

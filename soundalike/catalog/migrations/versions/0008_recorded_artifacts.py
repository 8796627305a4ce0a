"""Sizes and hashes of the files below the data root, so that damaged ones are found.

They are null for files of before, until a stage touches these again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tracks", sa.Column("audio_bytes", sa.BigInteger))
    op.add_column("tracks", sa.Column("audio_sha256", sa.Text))
    op.add_column("batches", sa.Column("manifest_sha256", sa.Text))
    op.add_column("embedded_batches", sa.Column("sidecar_sha256", sa.Text))
    op.add_column("index_versions", sa.Column("manifest_sha256", sa.Text))

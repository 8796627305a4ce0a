"""Roots that were removed keep their files, so that adding them again costs nothing.

`configured`: SOUNDALIKE_MUSIC named the root, so that leaving it out there can be noticed.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("roots", sa.Column("removed_at", TIMESTAMP(timezone=True)))
    op.add_column(
        "roots",
        sa.Column("configured", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )

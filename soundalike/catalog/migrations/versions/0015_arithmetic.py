"""The library's arithmetic: what the machines of a cluster must have alike to embed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("library_settings", sa.Column("arithmetic", sa.Text))

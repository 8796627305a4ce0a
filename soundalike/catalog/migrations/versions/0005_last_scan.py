"""What the last scan of a root said, and which run published an index, for whoever asks later."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("roots", sa.Column("scanned_at", TIMESTAMP(timezone=True)))
    op.add_column(
        "roots", sa.Column("problems", ARRAY(sa.Text), nullable=False, server_default="{}")
    )
    op.add_column("publications", sa.Column("dagster_run_id", sa.Text))

"""A clearer column name: up to which batch a missing file may still reappear as a moved one."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("files", "gone_through", new_column_name="gone_as_of_batch")

"""For incremental ingestion: unread files, retries, partly broken tracks, builds in order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("alter table batches alter column id drop identity")
    op.add_column("tracks", sa.Column("decoded_share", sa.Float()))
    # Files of before were read if they have a track or failed; the others still are to be.
    op.add_column("files", sa.Column("unread", sa.Boolean(), server_default="true", nullable=False))
    op.execute(
        "update files set unread = false where track_id is not null "
        "or exists (select from failures where file_id = files.id)"
    )
    op.add_column("files", sa.Column("gone_through", sa.BigInteger()))
    op.create_index("ix_files_unread", "files", ["batch_id"], postgresql_where=sa.text("unread"))
    op.add_column("failures", sa.Column("retry_at", MOMENT))
    op.execute(
        "update failures set retry_at = now() where code in ('vanished', 'changed', 'unreadable')"
    )
    op.create_table(
        "length_rule",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shortest", sa.Float(), nullable=False),
        sa.Column("longest", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_length_rule")),
    )
    op.add_column("index_versions", sa.Column("collected_at", MOMENT))
    op.execute("create sequence index_builds")
    op.add_column("index_versions", sa.Column("build", sa.BigInteger()))
    op.execute(
        "update index_versions set build = place from "
        "(select version as v, row_number() over (order by built_at) as place from index_versions) "
        "as ordered where v = version"
    )
    op.execute("select setval('index_builds', (select count(*) + 1 from index_versions), false)")
    op.alter_column(
        "index_versions",
        "build",
        nullable=False,
        server_default=sa.text("nextval('index_builds')"),
    )
    op.create_unique_constraint(op.f("uq_index_versions_build"), "index_versions", ["build"])

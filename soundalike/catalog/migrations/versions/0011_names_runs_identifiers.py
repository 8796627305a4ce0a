"""Names of roots, the run that embedded a batch, and indexes of recordings' identifiers."""

from pathlib import PurePosixPath

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("roots", sa.Column("name", sa.Text))
    roots = sa.table("roots", sa.column("id"), sa.column("location"), sa.column("name"))
    connection, taken = op.get_bind(), set()
    for root_id, location in connection.execute(
        sa.select(roots.c.id, roots.c.location).order_by(roots.c.id)
    ).all():
        last = PurePosixPath(bytes(location).decode("utf-8", "backslashreplace")).name or "root"
        name, number = last, 2
        while name in taken:
            name, number = f"{last}-{number}", number + 1
        taken.add(name)
        connection.execute(sa.update(roots).where(roots.c.id == root_id).values(name=name))
    op.alter_column("roots", "name", nullable=False)
    op.create_unique_constraint("uq_roots_name", "roots", ["name"])
    # Nobody recorded the runs of before.
    op.add_column("embedded_batches", sa.Column("dagster_run_id", sa.Text))
    op.execute(
        "create index ix_tracks_recording_id on tracks "
        "(lower(file_tags ->> 'musicbrainz_recording_id'))"
    )
    op.execute(
        "create index ix_tracks_isrcs on tracks using gin "
        "(((translate(upper(file_tags ->> 'isrcs'), ' -', ''))::jsonb)) with (fastupdate = off)"
    )

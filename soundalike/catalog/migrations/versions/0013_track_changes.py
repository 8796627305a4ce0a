"""The log of changed tracks, which readers follow, kept by triggers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FUNCTION = """
create function {name}() returns trigger language plpgsql as $$
begin
    insert into track_changes (track_id) {tracks} on conflict do nothing;
    if found then
        perform pg_notify('soundalike_tracks', '');
    end if;
    return null;
end $$
"""
TRIGGER = """
create trigger {name}_{event} after {event} on {table} referencing {rows}
for each statement execute function {name}()
"""
NEW, OLD = "new table as changed", "old table as changed"
BOTH = "old table as before new table as changed"
CHANGES = {
    ("note_tracks", "tracks"): (
        "select id from changed",
        {"insert": NEW, "update": NEW, "delete": OLD},
    ),
    ("note_files", "files"): (
        "select distinct track_id from changed where track_id is not null",
        {"insert": NEW, "delete": OLD},
    ),
    ("note_moved_files", "files"): (
        "select track_id from changed where track_id is not null "
        "union select track_id from before where track_id is not null",
        {"update": BOTH},
    ),
    # Each scan writes to its roots; only these columns are shown.
    ("note_roots", "roots"): (
        "select distinct files.track_id from files join changed on changed.id = files.root_id "
        "join before on before.id = changed.id where files.track_id is not null "
        "and (before.name, before.location) is distinct from (changed.name, changed.location)",
        {"update": BOTH},
    ),
}


def upgrade() -> None:
    op.create_table(
        "track_changes",
        sa.Column(
            "xid",
            sa.BigInteger,
            nullable=False,
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
        ),
        sa.Column("track_id", sa.Text, nullable=False),
        sa.Column(
            "changed_at", TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("xid", "track_id", name="pk_track_changes"),
    )
    op.execute("insert into track_changes (track_id) values ('')")  # the log is whole since then
    for (name, table), (tracks, events) in CHANGES.items():
        op.execute(FUNCTION.format(name=name, tracks=tracks))
        for event, rows in events.items():
            op.execute(TRIGGER.format(name=name, event=event, table=table, rows=rows))

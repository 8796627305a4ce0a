"""Summaries of batches, and the log of changed batches that triggers keep: those are old."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

FUNCTION = """
create function {name}() returns trigger language plpgsql as $$
begin
    insert into batch_changes (batch_id) {batches} on conflict do nothing;
    return null;
end $$
"""
TRIGGER = """
create trigger {name} after {event} on {table} referencing {rows}
for each statement execute function {name}()
"""
NEW, OLD = "new table as changed", "old table as changed"
BOTH = "old table as before new table as changed"
ROWS = {"insert": NEW, "update": BOTH, "delete": OLD}
OF_TABLE = {
    "tracks": "select batch_id from {rows}",
    "files": "select batch_id from {rows} union "
    "select tracks.batch_id from {rows} join tracks on tracks.id = {rows}.track_id",
    "failures": "select files.batch_id from {rows} join files on files.id = {rows}.file_id union "
    "select tracks.batch_id from {rows} join files on files.id = {rows}.file_id "
    "join tracks on tracks.id = files.track_id",
    "vectors": "select batch_id from {rows} union "
    "select tracks.batch_id from {rows} join tracks on tracks.id = {rows}.track_id",
    "embedded_batches": "select batch_id from {rows}",
}
# Each scan writes the rule, mostly as it is.
OF_RULE = {
    "insert": "select id from batches",
    "update": "select id from batches "
    "where (select (shortest, longest)::text from changed) is distinct from "
    "(select (shortest, longest)::text from before)",
    "delete": "select id from batches",
}


def upgrade() -> None:
    op.create_table(
        "batch_changes",
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.Column(
            "xid",
            sa.BigInteger,
            nullable=False,
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
        ),
        sa.PrimaryKeyConstraint("batch_id", "xid", name="pk_batch_changes"),
    )
    op.create_table(
        "batch_summaries",
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.Column("due", sa.Text),
        sa.Column("embeddable", sa.BigInteger, nullable=False),
        sa.Column("read_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("valid_until", TIMESTAMP(timezone=True)),
        sa.Column("gone_before", sa.BigInteger),
        sa.Column("gone_from", sa.BigInteger),
        sa.PrimaryKeyConstraint("batch_id", name="pk_batch_summaries"),
    )
    op.create_table(
        "space_summaries",
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("rows", sa.BigInteger),
        sa.Column("embedded_at", TIMESTAMP(timezone=True)),
        sa.Column("kept", sa.BigInteger, nullable=False),
        sa.Column("kept_rows", sa.ARRAY(sa.BigInteger)),
        sa.Column("whole", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("space", "batch_id", name="pk_space_summaries"),
    )
    op.create_index("ix_space_summaries_batch_id", "space_summaries", ["batch_id"])
    for table, batches in OF_TABLE.items():
        for event in ROWS:
            sides = ("changed", "before") if event == "update" else ("changed",)
            _note(table, event, " union ".join(batches.format(rows=rows) for rows in sides))
    for event, batches in OF_RULE.items():
        _note("length_rule", event, batches)


def _note(table: str, event: str, batches: str) -> None:
    name = f"note_batches_of_{table}_{event}"
    op.execute(FUNCTION.format(name=name, batches=batches))
    op.execute(TRIGGER.format(name=name, event=event, table=table, rows=ROWS[event]))

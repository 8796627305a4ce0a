"""A scan that writes the length rule as it is makes no summary old.

It is an upsert: PostgreSQL calls the trigger for inserts as well, with no row in it.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

FUNCTION = """
create or replace function note_batches_of_length_rule_insert() returns trigger
language plpgsql as $$
begin
    insert into batch_changes (batch_id) select id from batches where exists (select from changed)
    on conflict do nothing;
    return null;
end $$
"""


def upgrade() -> None:
    op.execute(FUNCTION)

"""Lists of artists and genres, all else that tags say, and which reader read a file's tags."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NONE = sa.text("'{}'")


def upgrade() -> None:
    for name in ("artists", "genres"):
        op.add_column(
            "tracks", sa.Column(name, ARRAY(sa.Text), nullable=False, server_default=NONE)
        )
    op.add_column("tracks", sa.Column("file_tags", JSONB, nullable=False, server_default=NONE))
    # Until the next scan has their tags read again, tracks keep what was joined with `; `.
    op.execute(
        """
        update tracks set
            artists = coalesce(regexp_split_to_array(artist, ' *; +'), '{}'),
            genres = coalesce(regexp_split_to_array(genre, ' *; +'), '{}')
        where artist is not null or genre is not null
        """
    )
    op.add_column(
        "files", sa.Column("tags_version", sa.BigInteger, nullable=False, server_default="0")
    )
    op.execute("update files set tags_version = -1 where unread")

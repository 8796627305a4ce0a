"""Folded names and words of tracks and files, filled for those that are there."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from soundalike.catalog.search_words import name_terms, tsvector

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 1000
TRACKS = sa.text("select id, title, artist, album, genre from tracks")
FILES = sa.text(
    "select f.id, f.shown, t.id, t.sort_key, t.album, t.artist, t.title"
    " from files f join tracks t on t.id = f.track_id"
)
NAMES = sa.text("update tracks set names = :names where id = :id")
WORDS = sa.text(
    "insert into file_words (file_id, track_id, sort_key, words)"
    " values (:file_id, :track_id, :sort_key, cast(:words as tsvector))"
)


def upgrade() -> None:
    op.add_column("tracks", sa.Column("names", ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.create_table(
        "file_words",
        sa.Column("file_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("sort_key", sa.Text(collation="C"), nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], op.f("fk_file_words_file_id_files"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_file_words")),
    )
    _fill()
    # Indexes are built faster over what is there than filled row by row.
    gin: dict[str, Any] = {"postgresql_using": "gin", "postgresql_with": {"fastupdate": "off"}}
    op.create_index(op.f("ix_tracks_names"), "tracks", ["names"], **gin)
    op.create_index(op.f("ix_file_words_words"), "file_words", ["words"], **gin)
    gone = sa.text("gone_at is not null")
    op.create_index("ix_files_gone", "files", ["id"], postgresql_where=gone)


def _fill() -> None:
    for rows in _chunks(TRACKS):
        names = [{"id": row[0], "names": name_terms(*row[1:])} for row in rows]
        op.get_bind().execute(NAMES, names)
    for rows in _chunks(FILES):
        words = [
            {"file_id": file, "track_id": track, "sort_key": key, "words": tsvector(shown, *named)}
            for file, shown, track, key, *named in rows
        ]
        op.get_bind().execute(WORDS, words)


def _chunks(statement: sa.TextClause) -> Iterator[list[tuple[Any, ...]]]:
    """Read the rows in parts; they are all read before the first is changed."""
    rows = [tuple(row) for row in op.get_bind().execute(statement)]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[start : start + ROWS_AT_ONCE]

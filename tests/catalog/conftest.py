"""What tests of the catalog's statements share: a few files in two batches."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text

from soundalike.catalog.engine import Sessions

FILES = (
    "insert into roots (location, name) values ('/music', 'music')",
    "insert into batches (id) values (1), (2)",
    "insert into files (root_id, path, shown, size, mtime_ns, batch_id) select 1, "
    "convert_to(n || '', 'UTF8'), n, 1, 1, least(n, 2) from generate_series(1, 4) as n",
)
TRACKS = (
    "insert into tracks (id, batch_id, title, codec, sample_rate, channels, sort_key, duration) "
    "select 't' || n, 1, '', '', 1, 1, '', n from generate_series(1, 4) as n",
    "update files set track_id = 't' || id, unread = false, tags_version = 1",
)


def execute_all(sessions: Sessions, statements: Sequence[str]) -> None:
    """Execute statements in one transaction."""
    with sessions.begin() as session:
        for statement in statements:
            session.execute(text(statement))


@pytest.fixture
def listed(sessions: Sessions) -> Sessions:
    """Four files: the first in batch 1, the others in batch 2."""
    execute_all(sessions, FILES)
    return sessions


@pytest.fixture
def read(listed: Sessions) -> Sessions:
    """Four files that were read, of tracks t1 to t4, which last as many seconds."""
    execute_all(listed, TRACKS)
    return listed

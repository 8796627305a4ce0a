"""The known files of a folder are those whose paths begin with its path, found by an index."""

import random

from sqlalchemy import event, insert, text

from soundalike.catalog.engine import Sessions, engine_of
from soundalike.catalog.library import known_files
from soundalike.catalog.tables import FileRow

NAMES = (b"a", b"a0", b"a.", b"b", b"\xff", b"\xff\xff", b"\xfe", b"d" * 255, b"e" * 120)
DEPTH = 4  # so that many folders have paths of more bytes than the index


def folders(seed: int) -> list[bytes]:
    draw = random.Random(seed)
    depths = range(1, DEPTH + 1)
    return [b"".join(draw.choice(NAMES) + b"/" for _ in range(n)) for n in depths for _ in range(8)]


def add(sessions: Sessions, paths: set[bytes]) -> None:
    """Add files of these paths to the first root."""
    with sessions.begin() as session:
        row = {"root_id": 1, "shown": "", "size": 1, "mtime_ns": 1, "batch_id": 1}
        session.execute(insert(FileRow), [row | {"path": path} for path in sorted(paths)])


def test_a_folder_has_the_files_whose_paths_begin_with_its(listed: Sessions) -> None:
    named = set(folders(1))
    add(listed, {folder + name for folder in named for name in (b"1.mp3", b"\xff.mp3")})
    with listed() as session:
        every = [file.path for file in known_files(session, 1)]
        assert every == sorted(every)
        assert len(every) == 4 + 2 * len(named)
        for folder in named | set(folders(2)):
            found = [file.path for file in known_files(session, 1, folder)]
            assert found == [path for path in every if path.startswith(folder)]
            assert [*known_files(session, 2, folder)] == []


def test_an_index_finds_them(listed: Sessions) -> None:
    """Its expression must be the statement's, else every file of the library is read."""
    sent: list[tuple[str, object]] = []

    def record(*arguments: object) -> None:
        sent.append((str(arguments[2]), arguments[3]))

    event.listen(engine_of(listed), "before_cursor_execute", record)
    with listed() as session:
        assert [*known_files(session, 1, b"a/")] == []
        session.execute(text("set local enable_seqscan = off"))
        connection = session.connection().connection.driver_connection
        assert connection
        statement, parameters = sent[0]
        plan = connection.execute(f"explain {statement}", parameters).fetchall()
    assert any("Index Cond" in line and "substr(path" in line for [line] in plan)

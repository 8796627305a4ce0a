"""Dumps of a whole database by PostgreSQL's own pg_dump, and restoring them by pg_restore."""

import os
import subprocess
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from soundalike.errors import PostgresError
from soundalike.postgres.binaries import installed_folder

MOST_LINES = 5
LOGS_AND_SUMMARIES = ("track_changes", "batch_changes", "batch_summaries", "space_summaries")


def dump_database(database_url: str, snapshot: str, target: Path) -> None:
    """Dump what a transaction sees that exported `snapshot`, in PostgreSQL's custom format.

    Without the logs of changes, whose transactions are this server's, and the summaries that are
    made again from the rest: readers of another server begin anew.
    Raises PostgresError, for example for a server that is newer than our pg_dump.
    """
    words = "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"
    without = [f"--exclude-table-data={table}" for table in LOGS_AND_SUMMARIES]
    _run("pg_dump", database_url, *words, *without, f"--file={target}")


def restore_database(database_url: str, dump: Path) -> None:
    """Restore a dump into a database without tables of ours, all of it or nothing.

    Raises PostgresError.
    """
    words = "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"
    _run("pg_restore", database_url, *words, str(dump))


def _run(program: str, database_url: str, *words: str) -> None:
    """Run a program on the database. The password is not among the words that others can see."""
    url = make_url(database_url)
    arguments = {**url.translate_connect_args(username="user", database="dbname"), **url.query}
    password = arguments.pop("password", None)
    connection = make_conninfo(**arguments)
    done = subprocess.run(
        [installed_folder() / program, f"--dbname={connection}", "--no-password", *words],
        env={**os.environ, **({"PGPASSWORD": password} if password else {})},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        errors = [line for line in lines if line.startswith(f"{program}: error:")] or lines
        raise PostgresError("\n".join(errors[:MOST_LINES]))

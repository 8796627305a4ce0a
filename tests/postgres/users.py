"""Helpers: a query, and other processes that use the private server of a data root."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from soundalike.postgres import connected_database
from soundalike.settings import Settings

SOURCE = """
import sys
from pathlib import Path
from soundalike.postgres import connected_database
from soundalike.settings import Settings
with connected_database(Settings(data=Path(sys.argv[1])), durable=False) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def ask(url: str, query: str = "select 1") -> object:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return connection.execute(text(query)).scalar_one()


@contextmanager
def using(data: Path) -> Iterator[str]:
    with connected_database(Settings(data=data), durable=False) as url:
        yield url


def start_user(data: Path) -> subprocess.Popen[str]:
    """A process that goes into the block; it leaves when its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", SOURCE, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def url_of(user: subprocess.Popen[str]) -> str:
    """Wait until it is in the block."""
    assert user.stdout is not None
    return next(line for line in user.stdout if line.startswith("postgresql")).strip()

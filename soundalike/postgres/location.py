"""Where a private server lives: its own folder, and the folder of its socket."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from soundalike.errors import PostgresError
from soundalike.postgres.account import Account
from soundalike.storage.atomic import atomic_file

OUTSIDE = Path("/var/lib/soundalike")  # used by root only, where `nobody` may not go
NOTE = "location.txt"
CLUSTER = "cluster"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # bytes; the limit of macOS, Linux allows 107
PLAIN = re.compile(r"[\w./ -]+", re.ASCII)  # libpq splits at commas and SQLAlchemy at colons

log = structlog.get_logger()


@contextmanager
def usable(data: Path) -> Iterator[None]:
    """Name the data root in the PostgresError that a full, read-only or foreign disk becomes."""
    try:
        yield
    except OSError as error:
        raise PostgresError(
            f"the data root {data} cannot hold a private PostgreSQL: {error}.\n"
            "Make room or correct its permissions, set SOUNDALIKE_DATA to another folder, "
            "or set DATABASE_URL to a server of yours."
        ) from error


def find_home(data: Path, account: Account) -> Path:
    """The folder of this data root's server, made private to `account`.

    It is `postgres` in the data root, or below OUTSIDE if `account` may not enter the root. What
    was once chosen stays, whatever permissions do later: a new choice would show an empty catalog.
    """
    data.mkdir(parents=True, exist_ok=True)
    usual = data.resolve() / "postgres"
    note = usual / NOTE
    if note.is_file():
        home = _noted(note)
    elif account.may_enter(data) or (usual / CLUSTER).is_dir():
        home = usual
    else:
        make_outside()
        home = OUTSIDE / digest(usual)
    account.make_private(home)
    if not account.may_enter(home):
        raise PostgresError(
            f"PostgreSQL runs as {account.name}, who may not enter {_first_closed(home, account)}, "
            f"but the database is in {home}.\n"
            "Let others enter that folder again (chmod o+x), or set DATABASE_URL."
        )
    if home != usual and not note.exists():
        _write_note(note, home, data, account)
    return home


def _noted(note: Path) -> Path:
    home = Path(note.read_text().splitlines()[0])
    if not home.is_dir():
        raise PostgresError(
            f"{note} says that the database is in {home}, which does not exist.\n"
            f"Restore that folder, or remove {note} to begin with an empty catalog."
        )
    return home


def _write_note(note: Path, home: Path, data: Path, account: Account) -> None:
    closed = str(_first_closed(data, account))
    log.warning("postgres.elsewhere", home=str(home), closed=closed, user=account.name)
    with atomic_file(note) as temporary:
        temporary.write_text(
            f"{home}\nholds the PostgreSQL of the data root {data}: as root soundalike runs it as "
            f"{account.name}, who may not enter {closed}. Back it up with the data root.\n"
        )


def _first_closed(folder: Path, account: Account) -> Path:
    downwards = [*reversed(folder.parents), folder]
    return next((path for path in downwards if not account.may_enter(path)), folder)


def make_outside() -> None:
    """Create OUTSIDE, open to everyone."""
    if not OUTSIDE.exists():
        OUTSIDE.mkdir(parents=True, exist_ok=True)
        OUTSIDE.chmod(0o755)  # ours, whatever the umask


def socket_folder(home: Path) -> Path:
    """Where the socket is: in `home`, or in a short folder where that path cannot name a socket."""
    if len(os.fsencode(home / SOCKET)) <= LONGEST_SOCKET and PLAIN.fullmatch(str(home)):
        return home
    # Not TMPDIR or XDG_RUNTIME_DIR: all users of one server must look in one place.
    return Path("/tmp", f"soundalike-{digest(home)}")  # noqa: S108 - made private, or refused


def digest(path: Path) -> str:
    """A short name for a folder, the same each time."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]

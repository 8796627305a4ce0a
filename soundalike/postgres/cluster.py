"""The cluster, PostgreSQL's data folder: created once, whole or not at all, by our version."""

import shutil
from pathlib import Path

from soundalike.errors import PostgresError
from soundalike.postgres.binaries import MAJOR, Programs
from soundalike.postgres.location import CLUSTER
from soundalike.storage.atomic import fsync

NEW_CLUSTER = "cluster.new"
SUPERUSER = "soundalike"

# The builtin locale sorts by code point and is the same on every system, so neither a new libc nor
# another machine invalidates an index. Unlike plain C it lower-cases more than ASCII: a search for
# "für" must find "FÜR".
INITDB = (
    *("--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
)


def ensure_cluster(home: Path, programs: Programs, *, durable: bool, holding: int) -> None:
    """Create the cluster in `home` if it has none.

    `holding`: a descriptor that initdb keeps open.
    Raises PostgresError if initdb fails, or if the cluster is of another PostgreSQL.
    """
    if (home / CLUSTER).exists():
        _check_version(home / CLUSTER)
        (home / CLUSTER).chmod(0o700)  # a copy may have another mode, which PostgreSQL refuses
        return
    shutil.rmtree(home / NEW_CLUSTER, ignore_errors=True)  # of an initdb that was killed
    options = (*INITDB, *(() if durable else ("--no-sync",)))
    ended = programs.run("initdb", "-D", NEW_CLUSTER, *options, cwd=home, holding=holding)
    if ended.returncode:
        raise PostgresError(
            f"initdb could not make a PostgreSQL in {home}:\n{last_lines(ended.stdout)}\n"
            "Correct that, set SOUNDALIKE_DATA to another folder, or set DATABASE_URL."
        )
    (home / NEW_CLUSTER).rename(home / CLUSTER)
    fsync(home)  # if a power cut undid the rename, the cluster would be taken for unfinished


def _check_version(cluster: Path) -> None:
    file = cluster / "PG_VERSION"
    version = file.read_text().strip() if file.is_file() else "an unknown version"
    if version != str(MAJOR):
        raise PostgresError(
            f"{cluster} was made by PostgreSQL {version}, but the one installed is {MAJOR}.\n"
            f"Dump it with PostgreSQL {version}, move the folder away and restore the dump; or set "
            "DATABASE_URL to a server that has it, or SOUNDALIKE_DATA to another folder."
        )


def last_lines(text: str, count: int = 10) -> str:
    """The last `count` lines of a program's output or log, indented."""
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-count:])

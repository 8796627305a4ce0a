"""Who runs the private server: ourselves, or `nobody` where we are root, as PostgreSQL demands."""

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import PostgresError


@dataclass(frozen=True)
class Account:
    """A user on this machine. `other` says that it is not the one this process runs as."""

    uid: int
    gid: int
    other: bool

    def run(self, command: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, without the caller's PG* variables; output is captured."""
        inherited = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
        return subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**inherited, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=self.uid if self.other else None,
            group=self.gid if self.other else None,
            extra_groups=[] if self.other else None,
        )

    def may_enter(self, folder: Path) -> bool:
        """Whether every folder down to this one lets the user through."""
        return all(self._lets_through(path.stat()) for path in (folder, *folder.parents))

    def _lets_through(self, state: os.stat_result) -> bool:
        own = state.st_uid == self.uid and state.st_mode & stat.S_IXUSR
        return bool(own or state.st_mode & stat.S_IXOTH)

    def make_private(self, folder: Path) -> None:
        """Create a folder of this user's alone.

        Raises PostgresError if something else stands there: another's folder, a link, a file.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(mode=0o700)
            if self.other:
                os.chown(folder, self.uid, self.gid)
        except FileExistsError:
            state = folder.lstat()
            if not stat.S_ISDIR(state.st_mode) or state.st_uid != self.uid:
                raise PostgresError(
                    f"{folder} is not a folder of the user that runs PostgreSQL (uid {self.uid}); "
                    "move it away"
                ) from None


def server_account() -> Account:
    """The user to run the server as. Creates none."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), other=False)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise PostgresError(
            "PostgreSQL does not run as root and there is no user `nobody` to run it; "
            "run soundalike as a normal user, or set DATABASE_URL"
        ) from error
    return Account(nobody.pw_uid, nobody.pw_gid, other=True)

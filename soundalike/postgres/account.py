"""The user that runs the private server: ours, or `nobody` for root, as PostgreSQL demands."""

import grp
import os
import pwd
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import PostgresError


@dataclass(frozen=True)
class Account:
    """A user on this machine."""

    name: str
    uid: int
    gid: int

    @property
    def other(self) -> bool:
        """Return whether it is not the user that this process runs as."""
        return self.uid != os.geteuid()

    def run(
        self, *command: str | Path, cwd: Path, holding: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user; standard output and error come back as one text.

        The command and what it starts keep the descriptor `holding` open, and so its lock.
        """
        # The caller's PGPORT etc. are not for this server. An unset or unknown locale makes
        # PostgreSQL refuse to start on macOS.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(
            command,
            cwd=cwd,
            env={**kept, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            pass_fds=() if holding is None else (holding,),
            user=self.uid if self.other else None,
            group=self.gid if self.other else None,
            extra_groups=[] if self.other else None,
        )

    def can_run(self, *command: str | Path) -> bool:
        """Return whether the command, run as this user, can be executed and succeeds."""
        try:
            return self.run(*command, cwd=Path("/")).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def may_enter(self, folder: Path) -> bool:
        """Return whether the user may enter the folder and all above it: tried, not computed.

        The user that this process runs as always may.
        """
        return not self.other or self.can_run("/bin/sh", "-c", 'cd -- "$1"', "sh", folder)

    def make_private(self, folder: Path) -> None:
        """Create a folder that only this user may enter, or make an existing one of theirs so.

        An empty folder of ours is handed over: its creation was interrupted.
        Raises PostgresError if anything else exists: another user's folder, a link, a file.
        """
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if not _is_folder_of(folder, self.uid):
            if not _is_folder_of(folder, os.geteuid()) or any(folder.iterdir()):
                raise PostgresError(
                    f"{folder} must be a folder of {self.name} (uid {self.uid}), who runs "
                    f"PostgreSQL; it is of uid {folder.lstat().st_uid}, or no folder.\n"
                    "Run soundalike as its owner, move it away, or set DATABASE_URL."
                )
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)
        folder.chmod(0o700)

    @property
    def login(self) -> str:
        """The name to give to `chown`, or the uid if it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def _is_folder_of(path: Path, uid: int) -> bool:
    state = path.lstat()
    return stat.S_ISDIR(state.st_mode) and state.st_uid == uid


def server_account() -> Account:
    """The user to run the server as. No user is created.

    Raises PostgresError if we are root and there is no `nobody`, or root may not become that user.
    """
    if os.geteuid() != 0:
        return Account("the current user", os.geteuid(), os.getegid())
    with suppress(KeyError):
        user = pwd.getpwnam("nobody")
        account = Account(user.pw_name, user.pw_uid, _nobodys_group(user.pw_gid))
        if account.can_run("/bin/sh", "-c", ":"):
            return account
    raise PostgresError(
        "PostgreSQL does not run as root, and here root cannot run it as the user nobody.\n"
        "Run soundalike as a normal user, or set DATABASE_URL."
    )


def _nobodys_group(default: int) -> int:
    for name in ("nogroup", "nobody"):
        with suppress(KeyError):
            return grp.getgrnam(name).gr_gid
    return default

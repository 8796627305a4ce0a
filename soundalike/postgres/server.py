"""One private server: start it unless it runs, and stop it, whatever a killed process left."""

import os
import shlex
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import structlog
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping
from sqlalchemy import URL

from soundalike.errors import PostgresError
from soundalike.postgres.account import server_account
from soundalike.postgres.binaries import Programs, find_programs
from soundalike.postgres.cluster import SUPERUSER, ensure_cluster, last_lines
from soundalike.postgres.location import CLUSTER, SOCKET, find_home, socket_folder
from soundalike.postgres.recovery import LOG, await_recovery
from soundalike.storage.locks import open_lock, try_exclusive

DATABASE = "soundalike"
PORT = "5432"  # part of the socket's name; always passed, so that no PGPORT applies
TIMEOUT_SECONDS = 120  # for a start, which may be a recovery after a crash, or for a stop

DURABLE = {
    "listen_addresses": "",
    "port": PORT,
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_checkpoints": "off",  # the log is never rotated
}
EPHEMERAL = DURABLE | {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

log = structlog.get_logger()


@dataclass(frozen=True)
class Server:
    """The server of a cluster in `home`, a folder that only its user may enter.

    All its processes hold `server.lock`, inherited from the one that started it. So does initdb.
    The lock shows whether one is alive where a pid cannot: pids are reused, and differ between
    containers.
    """

    home: Path
    programs: Programs
    durable: bool

    @property
    def socket_folder(self) -> Path:
        """The folder of the socket that clients connect to."""
        return socket_folder(self.home)

    @property
    def url(self) -> str:
        """An SQLAlchemy URL over the socket."""
        return URL.create(
            "postgresql+psycopg",
            username=SUPERUSER,
            database=DATABASE,
            query={"host": str(self.socket_folder), "port": PORT},
        ).render_as_string()

    def ensure(self) -> bool:
        """Start the server unless it runs, and create our database unless it exists.

        One that starts or recovers is waited for. Returns whether it had to be started. Raises
        PostgresError if that fails.
        """
        await_recovery(self.home, self._rejects, TIMEOUT_SECONDS)
        starts = not self.is_ready()
        if starts:
            self._start()
        self._ensure_database()
        return starts

    def is_ready(self) -> bool:
        """Return whether the server accepts connections, even if all are taken."""
        # Without the pid file it would be the server of a cluster that was removed or replaced.
        recorded = (self.home / CLUSTER / "postmaster.pid").exists()
        return recorded and self._ping() == Ping.OK

    def stop(self) -> None:
        """Stop the server, disconnecting its clients. Raises PostgresError if it does not stop."""
        for mode in ("fast", "immediate"):
            if self._process() is None or self._pg_ctl("stop", "-m", mode).returncode == 0:
                break
        else:
            raise PostgresError(f"the private PostgreSQL in {self.home} does not stop")
        if self.socket_folder != self.home:
            with suppress(OSError):
                self.socket_folder.rmdir()

    def _ping(self) -> Ping:
        return Ping(PGconn.ping(self._conninfo.encode()))

    def _rejects(self) -> bool:
        """Return whether it lives and says that it accepts no connections yet, or no longer."""
        return self._ping() == Ping.REJECT and self._process() is not None

    def _start(self) -> None:
        lock = open_lock(self.home / "server.lock")
        try:
            self._end_orphans(lock)
            ensure_cluster(self.home, self.programs, durable=self.durable, holding=lock)
            self.programs.account.make_private(self.socket_folder)
            self._remove_stale_files()
            settings = DURABLE if self.durable else EPHEMERAL
            words = [f"-c {name}={shlex.quote(value)}" for name, value in settings.items()]
            options = " ".join(["-k", shlex.quote(str(self.socket_folder)), *words])
            started = self._pg_ctl("start", "-l", LOG, "-o", options, holding=lock)
        finally:
            os.close(lock)  # not unlocked: the server holds it now
        if started.returncode:
            raise self._failure("does not start", started.stdout)
        log.info("postgres.started", folder=str(self.home))

    def _end_orphans(self, lock: int) -> None:
        """Take the lock, after stopping a server, or awaiting an initdb, of a killed process."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not try_exclusive(lock):
            self.stop()
            if time.monotonic() > deadline:
                raise self._failure(
                    "does not answer and cannot be stopped", "Does another container run it?"
                )
            time.sleep(0.05)

    def _remove_stale_files(self) -> None:
        """Remove the pid file, the socket and its lock file.

        PostgreSQL does not start while a pid in these belongs to any process of its user.
        """
        pid_file = self.home / CLUSTER / "postmaster.pid"
        socket = self.socket_folder / SOCKET
        for file in (pid_file, socket, socket.with_name(f"{SOCKET}.lock")):
            file.unlink(missing_ok=True)

    def _process(self) -> psutil.Process | None:
        """The process that wrote the pid file, if it still runs and the pid is still its own."""
        try:
            pid = (self.home / CLUSTER / "postmaster.pid").read_text().split()[0]
            process = psutil.Process(int(pid))
            return process if str(self.socket_folder) in process.cmdline() else None
        except (FileNotFoundError, ValueError, IndexError, psutil.Error):
            return None

    @property
    def _conninfo(self) -> str:
        return make_conninfo(
            host=str(self.socket_folder),
            port=PORT,
            user=SUPERUSER,
            dbname="postgres",
            connect_timeout=10,
        )

    def _ensure_database(self) -> None:
        known = "select 1 from pg_database where datname = %s"
        try:
            with psycopg.connect(self._conninfo, autocommit=True) as connection:
                if not connection.execute(known, [DATABASE]).fetchone():
                    connection.execute(f"create database {DATABASE}")
        except psycopg.Error as error:
            raise self._failure("does not provide its database", str(error)) from error

    def _pg_ctl(
        self, action: str, *options: str, holding: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        # Relative names: pg_ctl hands them to a shell, and a path may have a $ in it.
        words = (action, "-D", CLUSTER, "-w", "-t", str(TIMEOUT_SECONDS), *options)
        return self.programs.run("pg_ctl", *words, cwd=self.home, holding=holding)

    def _failure(self, problem: str, output: str) -> PostgresError:
        path = self.home / LOG
        logged = path.read_text(errors="replace") if path.is_file() else ""
        return PostgresError(
            f"the private PostgreSQL in {self.home} {problem}:\n{last_lines(output)}\n"
            f"Its log, {path}, ends:\n{last_lines(logged)}\n"
            "Correct that, or set DATABASE_URL to a server of yours."
        )


def private_server(data: Path, durable: bool) -> Server:
    """The server of this data root, started or not.

    Raises OSError if the root cannot be written, and PostgresError if the server has no user,
    folder or programs.
    """
    account = server_account()
    return Server(find_home(data, account), find_programs(account), durable)

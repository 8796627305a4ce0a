"""One private cluster: make it, start it or find it running, stop it, whoever uses it."""

import hashlib
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import structlog
from sqlalchemy import URL

from soundalike.errors import PostgresError
from soundalike.postgres.account import Account, server_account
from soundalike.postgres.binaries import MAJOR, OUTSIDE, programs

NAME = "soundalike"  # of the superuser and of the database
LONGEST_SOCKET = 100  # bytes; the system's limit is 103 on macOS, 107 on Linux
ANSWER_SECONDS = 60

# Lower-casing must know more than ASCII (a search for "für" finds "FÜR"); the builtin provider does
# so on every system alike, without depending on its locales.
INITDB = (
    *("--auth=trust", f"--username={NAME}", "--encoding=UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
)
DURABLE = ("listen_addresses=''", "timezone=UTC", "log_timezone=UTC")
THROW_AWAY = (*DURABLE, "fsync=off", "synchronous_commit=off", "full_page_writes=off")

log = structlog.get_logger()


@dataclass(frozen=True)
class Server:
    """A cluster below `home`, a folder of `account`'s alone."""

    home: Path
    account: Account
    durable: bool = True

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "cluster"

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: in `home`, or in a short private folder if its path is too long."""
        folder = self.home / "socket"
        if len(bytes(folder / ".s.PGSQL.5432")) <= LONGEST_SOCKET:
            return folder
        return Path(tempfile.gettempdir(), f"soundalike-{digest(self.home)}")

    def url(self, database: str = NAME) -> str:
        """An SQLAlchemy URL over the socket."""
        return URL.create(
            "postgresql+psycopg",
            username=NAME,
            database=database,
            query={"host": str(self.socket_folder)},
        ).render_as_string()

    def ensure(self) -> None:
        """Running, answering, with our database in it; whatever a killed process left behind."""
        self.account.make_private(self.socket_folder)
        self._create()
        if not self._answers():
            self._end_or_forget()
            self._start()
        self._create_database()

    def stop(self) -> None:
        """End it, disconnecting whoever is left. One that died by itself needs no ending."""
        if self._process():
            self._pg_ctl("stop", "-m", "fast", "-w")

    def _create(self) -> None:
        version = self.cluster / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != str(MAJOR):
                raise PostgresError(
                    f"{self.cluster} was made by PostgreSQL {found}, this is {MAJOR}; dump it with "
                    "the old version and restore it, or use another SOUNDALIKE_DATA"
                )
            return
        fresh = self.home / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        sync = () if self.durable else ("--no-sync",)
        self._run("initdb", "-D", fresh, *INITDB, *sync)
        fresh.rename(self.cluster)

    def _answers(self) -> bool:
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.socket_folder),
            user=NAME,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def _end_or_forget(self) -> None:
        """Of a server that does not answer: wait for it, end it, or remove its stale pid file."""
        process = self._process()
        if process is None:
            # PostgreSQL refuses to start while a number in these is any process of its user.
            for stale in (self._pid_file, *self.socket_folder.glob(".s.PGSQL.*")):
                stale.unlink(missing_ok=True)
            return
        log.warning(
            "postgres.waiting", reason="a server left over does not answer", pid=process.pid
        )
        deadline = time.monotonic() + ANSWER_SECONDS
        while process.is_running() and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.2)
        self._pg_ctl("stop", "-m", "immediate", "-w")

    @property
    def _pid_file(self) -> Path:
        return self.cluster / "postmaster.pid"

    def _process(self) -> psutil.Process | None:
        """The server that wrote the pid file, if it still runs and the number is still its own."""
        try:
            process = psutil.Process(int(self._pid_file.read_text().split()[0]))
            return process if str(self.cluster) in process.cmdline() else None
        except (FileNotFoundError, ValueError, IndexError, psutil.Error):
            return None

    def _start(self) -> None:
        if self._answers():
            return
        settings = DURABLE if self.durable else THROW_AWAY
        options = f"-k '{self.socket_folder}' " + " ".join(f"-c {setting}" for setting in settings)
        self._pg_ctl("start", "-w", "-t", str(ANSWER_SECONDS), "-l", self._log, "-o", options)

    def _create_database(self) -> None:
        with self._connect() as connection:
            if not connection.execute(
                "select 1 from pg_database where datname = %s", [NAME]
            ).fetchone():
                connection.execute(f"create database {NAME}")

    @property
    def _log(self) -> Path:
        return self.home / "server.log"

    def _pg_ctl(self, action: str, *options: str | Path) -> None:
        self._run("pg_ctl", action, "-D", self.cluster, *options)

    def _run(self, program: str, *words: str | Path) -> None:
        ended = self.account.run([programs(self.account) / program, *words], cwd=self.home)
        if ended.returncode:
            said = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
            logged = self._log.read_text(errors="replace") if self._log.exists() else ""
            lines = [*said, *logged.strip().splitlines()[-5:]]
            raise PostgresError(
                f"the private PostgreSQL's {program} failed in {self.home}:\n"
                + "\n".join(f"  {line}" for line in lines)
                + f"\nIts log is {self._log}; or set DATABASE_URL to a server of yours"
            )


def private_server(data: Path, durable: bool) -> Server:
    """The server of this data root. Raises PostgresError if the root cannot be written."""
    account = server_account()
    home = data / "postgres"
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not account.may_enter(data):
            home = OUTSIDE / digest(data)
        if not home.exists() and home.is_relative_to(OUTSIDE):
            log.warning("postgres.elsewhere", reason=f"{data} is closed to others", home=str(home))
        account.make_private(home)
    except OSError as error:
        raise PostgresError(
            f"the data root {data} cannot hold a private PostgreSQL: {error.strerror} "
            f"({error.filename}); set SOUNDALIKE_DATA to a folder that can be written"
        ) from error
    return Server(home, account, durable)


def digest(path: Path) -> str:
    """A short name for a folder, the same each time."""
    return hashlib.sha256(bytes(path)).hexdigest()[:12]

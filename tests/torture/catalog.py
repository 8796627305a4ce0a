"""Asking the private PostgreSQL of a data root, without starting or stopping it."""

from pathlib import Path
from typing import Any

import psutil
import psycopg

from soundalike.postgres.server import private_server
from tests.patience import until

NEWEST_EVENT = "select coalesce(max(id), 0) from dagster.event_logs"
LAST_EVENT = """
    select job.pipeline_name, event.step_key, event.dagster_event_type
    from dagster.event_logs event join dagster.runs job using (run_id)
    where event.id > %s order by event.id desc limit 1
"""
STARTED = """
    select 1 from dagster.event_logs
    where id > %s and step_key like %s and dagster_event_type = 'STEP_START' limit 1
"""
PUBLISHED = "select version from publications order by id"


class Catalog:
    """One connection, made anew when it broke."""

    def __init__(self, data: Path) -> None:
        self._pid_file = data / "postgres" / "cluster" / "postmaster.pid"
        self._url = private_server(data, durable=True).url.replace("+psycopg", "")
        self._connection: psycopg.Connection[Any] | None = None

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]] | None:
        """The rows; None if it does not answer, or has no such tables yet."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, autocommit=True)
            return self._connection.execute(statement, values).fetchall()
        except psycopg.errors.UndefinedTable:
            return None
        except psycopg.Error:
            self._connection = None
            return None

    def answers(self) -> bool:
        """Whether it can be asked at all."""
        return self.ask("select 1") is not None

    def wait(self, seconds: float) -> None:
        """Until it answers; AssertionError if it does not."""
        until(self.answers, seconds)

    def newest_event(self) -> int:
        """Id of the last thing that Dagster recorded."""
        rows = self.ask(NEWEST_EVENT)
        return int(rows[0][0]) if rows else 0

    def has_started(self, step: str, since: int) -> bool:
        """Whether a step began after that event."""
        return bool(self.ask(STARTED, since, step))

    def stage(self, since: int) -> str:
        """Where the ingest that began after event `since` was when it ended."""
        rows = self.ask(LAST_EVENT, since)
        if rows is None and not self.answers():
            return "unknown, PostgreSQL died too"
        if not rows:
            return "starting"
        _, step, event = rows[0]
        return str(step) if step and event != "STEP_SUCCESS" else "between steps"

    def published(self) -> list[str]:
        """Every version that was published, in order."""
        return [version for (version,) in self.ask(PUBLISHED) or []]

    def kill(self) -> None:
        """SIGKILL for the server and each of its processes."""
        server = psutil.Process(int(self._pid_file.read_text().split()[0]))
        for process in [server, *server.children(recursive=True)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def runs(self) -> bool:
        """Whether a server has written its pid file, and lives."""
        try:
            return psutil.pid_exists(int(self._pid_file.read_text().split()[0]))
        except (FileNotFoundError, IndexError, ValueError):
            return False

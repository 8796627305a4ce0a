"""The database that is kept running: the private PostgreSQL is started again when it died."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from soundalike.catalog.engine import Sessions, describe
from soundalike.errors import PostgresError, SoundalikeError, StorageError, in_one_line
from soundalike.postgres import restart_database
from soundalike.settings import Settings
from soundalike.storage.disk_space import require_free_space
from soundalike.supervisor.restarts import Deaths


class KeptDatabase:
    """The catalog's database. One that DATABASE_URL names is only asked whether it answers.

    `report` is called with a sentence when it went away, and when it is back.
    """

    def __init__(
        self, settings: Settings, sessions: Sessions, deaths: Deaths, report: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._deaths = deaths
        self._report = report
        self._is_away = False

    def answers(self) -> bool:
        """Ask the database; restart a private one that died, if its time has come.

        Raises SoundalikeError if it died too often; not if only the disk is full.
        """
        try:
            self._ask()
        except SQLAlchemyError as error:
            if not self._is_away:
                self._report(in_one_line(describe(error)))
            self._is_away = True
            if self._settings.database_url is None and self._deaths.is_restart_due:
                self._restart()
            return False
        if self._is_away:
            self._report("PostgreSQL answers again")
        self._is_away = False
        return True

    def _ask(self) -> None:
        with self._sessions() as session:
            # A connection of its own each time: a server that waits until its clients are gone
            # before it shuts down (SIGTERM) goes on to answer the old ones, and refuses new ones.
            session.connection().detach()
            session.execute(select(1))

    def _restart(self) -> None:
        try:
            require_free_space(self._settings.data)
            if not restart_database(self._settings):
                return  # it lives: it recovered meanwhile, or all its connections are taken
            problem = "it was started again"
        except StorageError as error:
            self._report(str(error))
            return
        except PostgresError as error:
            problem = str(error)
        self._deaths.add()
        if self._deaths.too_many:
            raise SoundalikeError(
                f"the private PostgreSQL died {self._deaths.counted}, so it is given up, and all "
                f"ends. The last time: {problem}"
            )
        self._report(f"the private PostgreSQL died: {problem}")

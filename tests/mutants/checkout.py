"""A copy of the project that a mutant is planted in, and the tests that are run there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.mutants.table import Mutant
from tests.source import REPOSITORY

Outcome = Literal["killed", "survived", "hung", "broken"]
PATIENCE = 600.0  # seconds for the tests of one mutant
FAILED = 1  # pytest's exit code if tests failed; 0 if all passed, others if they could not be run


class Checkout:
    """One copy; one mutant at a time."""

    def __init__(self, folder: Path, project: Path = REPOSITORY) -> None:
        self.folder, self._project = folder, project
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=project, capture_output=True, check=True).stdout
        for name in filter(None, os.fsdecode(names).split("\0")):
            if (project / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(project / name, folder / name)
        if (project / ".cache").is_dir():  # the models' weights
            (folder / ".cache").symlink_to(project / ".cache")

    def outcome(self, mutant: Mutant) -> Outcome:
        """What the mutant's tests say of it."""
        with self._planted(mutant):
            return self.run(mutant.tests)

    def run(self, tests: tuple[str, ...], patience: float = PATIENCE) -> Outcome:
        """Run the tests as the copy is, for `patience` seconds; "survived" is that all pass."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        own = {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        # An example that failed with one mistake must not be tried again with the next.
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)
        log = self.folder / "mutant.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **own, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code = process.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return "hung"
        if code == 0:
            return "survived"
        return "killed" if code == FAILED else "broken"

    def last_lines(self, number: int = 15) -> str:
        """The end of what the last run printed."""
        return "\n".join((self.folder / "mutant.log").read_text().splitlines()[-number:])

    @contextmanager
    def _planted(self, mutant: Mutant) -> Iterator[None]:
        file = self.folder / mutant.file
        file.write_text(mutant.applied(self._project))
        try:
            yield
        finally:
            shutil.copy2(self._project / mutant.file, file)

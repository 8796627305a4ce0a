"""A copy of the project that a mutant is planted in, and the tests that are run there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path
from typing import Literal

from coverage import CoverageData

from tests.mutants.table import Mutant
from tests.source import REPOSITORY

Outcome = Literal["killed", "survived", "hung", "broken"]
PATIENCE = 300.0  # seconds for the tests of one mutant
FAILED, NONE_LEFT = 1, 5  # pytest's exit codes: 0 if all passed, others if they could not be run
TRACED = ("--cov", "--cov-config=traced.ini", "--cov-context=test", "--cov-report=")
SETTINGS = "[run]\nsource = soundalike,pipelines,serving\n"


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

    def outcome(self, mutant: Mutant, first: Sequence[str] = ()) -> Outcome:
        """What the mutant's tests say of it; those that are to be run `first` may be enough."""
        with self._planted(mutant):
            rest = [*mutant.tests]
            if first:
                if (outcome := self.run(first)) in ("killed", "hung"):
                    return outcome
                if outcome == "survived":
                    rest += [f"--deselect={test}" for test in first]
            return self.run(rest, passing=(0, NONE_LEFT) if len(rest) > len(mutant.tests) else (0,))

    def traced(self, tests: Sequence[str], patience: float) -> "Traces | None":
        """Run the tests as the copy is; which of them runs which line, None if one fails."""
        (self.folder / "traced.ini").write_text(SETTINGS)
        if self.run((*TRACED, *tests), patience) != "survived":
            return None
        data = CoverageData(str(self.folder / ".coverage"))
        data.read()
        return Traces(self.folder, data)

    def run(
        self, tests: Sequence[str], patience: float = PATIENCE, passing: Sequence[int] = (0,)
    ) -> Outcome:
        """Run the tests as the copy is, for `patience` seconds; "survived" is that all pass.

        Slow ones are run where functions are named, and no whole files. `passing` are the exit
        codes that say so.
        """
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        if all("::" in test for test in tests):
            command += ["-m", ""]
        own = {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        # An example that failed with one mistake must not be tried again with the next.
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)
        log = self.folder / "mutant.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **own},
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
        if code in passing:
            return "survived"
        return "killed" if code == FAILED else "broken"

    def last_lines(self, number: int = 15) -> str:
        """The end of what the last run printed."""
        return "\n".join((self.folder / "mutant.log").read_text().splitlines()[-number:])

    @contextmanager
    def _planted(self, mutant: Mutant) -> Iterator[None]:
        file = self.folder / mutant.file
        compiled = Path(cache_from_source(str(file)))
        file.write_text(mutant.applied(self._project))
        compiled.unlink(missing_ok=True)
        try:
            yield
        finally:
            shutil.copy2(self._project / mutant.file, file)
            compiled.unlink(missing_ok=True)


class Traces:
    """Which tests run which lines, in the process of the tests itself."""

    def __init__(self, folder: Path, data: CoverageData) -> None:
        self._folder, self._data = folder, data

    def tests_of(self, mutant: Mutant, source: str) -> list[str]:
        """The tests, of those that the mutant names, that run a line of what it replaces."""
        known = self._data.contexts_by_lineno(str(self._folder / mutant.file))
        start = source[: source.index(mutant.old)].count("\n") + 1
        lines = range(start, start + mutant.old.rstrip("\n").count("\n") + 1)
        ran = {context.partition("|")[0] for line in lines for context in known.get(line, ())}
        return sorted(test for test in ran if test.startswith(mutant.tests))

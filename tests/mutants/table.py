"""The table of mutants: realistic mistakes, and the tests that are to notice each.

One TOML file a package, or a part of several. A mutant replaces a piece of a module's source, which
must occur exactly once, by another. One that changes nothing that can be observed says why in
`equivalent`.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.source import REPOSITORY

TABLES = Path(__file__).parent


class StaleMutantError(Exception):
    """The source that a mutant replaces is no longer there, or is there more than once."""


@dataclass(frozen=True)
class Mutant:
    """One mistake: `old` becomes `new` in a file; the tests are paths for pytest."""

    file: str
    mistake: str
    old: str
    new: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def applied(self, root: Path) -> str:
        """The file's source with the mistake in it."""
        source = (root / self.file).read_text()
        if source.count(self.old) != 1:
            times = f"{source.count(self.old)} times in {self.file}"
            raise StaleMutantError(f"{self.mistake!r} replaces what occurs {times}:\n{self.old}")
        return source.replace(self.old, self.new)


def mutants(folder: Path = TABLES) -> Iterator[Mutant]:
    """Every mutant of the tables in the folder, in their order."""
    for table in sorted(folder.glob("*.toml")):
        for module in tomllib.loads(table.read_text())["module"]:
            tests = tuple(module["tests"])
            for mutant in module["mutant"]:
                own = tuple(mutant.pop("tests", tests))
                yield Mutant(file=module["file"], tests=own, **mutant)


def named_files(tests: tuple[str, ...], root: Path = REPOSITORY) -> list[Path]:
    """The test modules that the paths name."""
    named = [root / test.partition("::")[0] for test in tests]
    found = [sorted(path.rglob("*.py")) if path.is_dir() else [path] for path in named]
    return [file for files in found for file in files]

"""Mistakes planted in the code, one at a time: the tests nearest to each must notice it.

    make mutants

The tables beside this module name the mistakes. Each is planted in a copy of the project, and its
tests are run there, those that run the changed lines first. Outcomes are kept in
.cache/mutants.jsonl until the module, its tests or the mistake change, so that a run that was ended
goes on where it was. Prints each survivor and ends with one JSON line; the exit code is 1 if fewer
than 95 % were killed.

    make mutants OPTIONS='--only vectors --sample 20 --seed 3'
"""

import argparse
import hashlib
import json
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.mutants.checkout import PATIENCE, Checkout, Outcome, Traces
from tests.mutants.table import Mutant, mutants, named_files
from tests.source import REPOSITORY

KEPT = REPOSITORY / ".cache" / "mutants.jsonl"
WANTED_SHARE = 0.95


class Outcomes:
    """What is known of each mutant, on disk. Any thread may add to it."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()
        lines = file.read_text().splitlines() if file.is_file() else []
        self._known: dict[str, Outcome] = dict(json.loads(line) for line in lines)

    def get(self, key: str) -> Outcome | None:
        """The outcome, if it is known."""
        return self._known.get(key)

    def add(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome."""
        with self._lock, self._file.open("a") as file:
            file.write(json.dumps([key, outcome]) + "\n")
        self._known[key] = outcome


class Campaign:
    """Mutants, and the copies of the project that they are planted in."""

    def __init__(self, folder: Path, jobs: int, outcomes: Outcomes) -> None:
        self._folder, self._jobs, self._outcomes = folder, jobs, outcomes
        self._own = threading.local()
        self._lock = threading.Lock()
        self._passing: dict[tuple[str, ...], bool] = {}
        self._traces: dict[tuple[str, ...], Traces] = {}

    def run(self, planned: Sequence[Mutant]) -> dict[Mutant, Outcome]:
        """The outcome of each."""
        unknown = [mutant for mutant in planned if not self._outcomes.get(key_of(mutant))]
        sets = sorted({mutant.tests for mutant in unknown})
        with ThreadPoolExecutor(self._jobs) as threads:
            parts = [sets[number :: self._jobs] for number in range(self._jobs)]
            list(threads.map(self._pass_together, parts))
            return dict(zip(planned, threads.map(self._outcome, planned), strict=True))

    def _pass_together(self, sets: Sequence[tuple[str, ...]]) -> None:
        """Find in one run of all of them that sets of tests pass without any mistake.

        If one fails, each is looked at for itself, once a mutant needs it.
        """
        named = tuple(dict.fromkeys(test for tests in sets for test in tests))
        if named and (traces := self._checkout().traced(named, PATIENCE * len(sets))):
            self._passing |= dict.fromkeys(sets, True)
            self._traces |= dict.fromkeys(sets, traces)

    def _outcome(self, mutant: Mutant) -> Outcome:
        key = key_of(mutant)
        if known := self._outcomes.get(key):
            return known
        checkout = self._checkout()
        traces, first = self._traces.get(mutant.tests), list[str]()
        if traces:
            first = traces.tests_of(mutant, (REPOSITORY / mutant.file).read_text())
        outcome = checkout.outcome(mutant, first)
        if outcome != "survived" and not self._passes(checkout, mutant.tests):
            outcome = "broken"
        print(f"{outcome:8} {mutant.file}: {mutant.mistake}", flush=True)
        if outcome == "broken":
            print(checkout.last_lines(), flush=True)
        else:
            self._outcomes.add(key, outcome)
        return outcome

    def _passes(self, checkout: Checkout, tests: tuple[str, ...]) -> bool:
        """Return whether the tests pass without any mistake."""
        if tests not in self._passing:
            self._passing[tests] = checkout.run(tests) == "survived"
        return self._passing[tests]

    def _checkout(self) -> Checkout:
        """This thread's copy of the project."""
        if not hasattr(self._own, "checkout"):
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            folder.chmod(0o755)  # root's private server runs as nobody
            with self._lock:
                self._own.checkout = Checkout(folder)
        checkout: Checkout = self._own.checkout
        return checkout


def key_of(mutant: Mutant) -> str:
    """Tell a mutant, its module and its tests, as they are now, from all others."""
    state = hashlib.sha256(mutant.applied(REPOSITORY).encode())
    state.update(mutant.file.encode())
    for file in named_files(mutant.tests):
        state.update(file.read_bytes())
    return state.hexdigest()


def report(found: dict[Mutant, Outcome]) -> bool:
    """Print what came of it; return whether enough were killed."""
    survivors = [mutant for mutant, outcome in found.items() if outcome == "survived"]
    for mutant in survivors:
        print(f"survived: {mutant.file}: {mutant.mistake} {mutant.equivalent}")
    counts = Counter(found.values())
    equivalent = sum(bool(mutant.equivalent) for mutant in survivors)
    killed = counts["killed"] + counts["hung"]
    judged = len(found) - equivalent
    share = killed / judged if judged else 0.0
    figures = {
        "mutants": len(found),
        "killed": killed,
        "hung": counts["hung"],
        "broken": counts["broken"],
        "equivalent": equivalent,
        "killed_share": round(share, 3),
    }
    print(json.dumps(figures))
    return share >= WANTED_SHARE and not counts["broken"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="so many of the mutants, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="mutants of files whose path contains this")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    planned = [mutant for mutant in mutants() if arguments.only in mutant.file]
    Random(arguments.seed).shuffle(planned)
    KEPT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="soundalike-mutants-") as name:
        Path(name).chmod(0o755)
        campaign = Campaign(Path(name), arguments.jobs, Outcomes(KEPT))
        return 0 if report(campaign.run(planned[: arguments.sample])) else 1


if __name__ == "__main__":
    sys.exit(main())

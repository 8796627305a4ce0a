"""kill -9 at any moment, again and again: nothing lost, nothing divergent, nothing half-written.

    make torture

Ingests a generated library that changes now and then, kills the ingest at moments of every stage,
sometimes PostgreSQL with it, and resumes. Meanwhile the API serves, and a client checks its every
answer. In the end an undisturbed ingest of the same library into a new data root must have made the
same. Prints a table and ends with one JSON line; the exit code is 1 if anything was wrong.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

from soundalike.embedders import fetch_weights
from soundalike.settings import Settings
from tests.e2e.conftest import Installation, serving
from tests.patience import until
from tests.ports import free_ports
from tests.torture.aims import AIMS, Aim, trigger
from tests.torture.artifacts import Inspector
from tests.torture.catalog import Catalog
from tests.torture.compare import Difference, compare, facts
from tests.torture.library import Library
from tests.torture.report import Result, report
from tests.torture.witness import Witness, in_order

MODELS = Path(__file__).parents[2] / ".cache" / "models"
POSTGRES_EVERY = 5  # kills
SERVED_AFTER = 8  # kills, at which an undisturbed ingest publishes and the API starts
CHANGES = 0.7  # of ingests find the library changed
LONGEST_INGEST = 300.0  # seconds; on a machine with much else to do
CATCHES_UP = 15.0  # seconds for it to serve what was published last
TRIES = 8  # ingests in a row that an aim is kept for, if its moment does not come; a merge is rare
SHOWN_OF_A_LOG = 3000  # characters of what an ingest that failed has said last
LOOKS = 0.02  # of the moments while nothing else is waited for
COMES_BACK = 30.0  # seconds for the API to bring PostgreSQL back


class Campaign:
    """One data root under fire."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = Random(seed)
        self.looking = Random(seed)  # of its own: how often it is asked is a matter of speed
        self.folder = folder
        self.library = Library(folder / "music", Random(seed))
        self.library.fill()
        self.installation = self.installed("killed")
        self.catalog = Catalog(self.installation.data)
        self.inspector = Inspector(self.installation.data)
        self.witness: Witness | None = None
        self.stages: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.postgres_kills = self.ended_alone = 0
        self.problems: list[str] = []
        self._aims: list[Aim] = []
        self._missed = 0
        self._log = (folder / "log").open("w")

    def installed(self, name: str) -> Installation:
        """A data root for small batches, so that there is much to be killed between."""
        data = self.folder / name
        data.mkdir(exist_ok=True)
        return Installation.at(data, MODELS, SOUNDALIKE_BATCH_TRACKS="3", OMP_NUM_THREADS="1")

    @property
    def kills(self) -> int:
        """So far."""
        return self.stages.total()

    def strike(self) -> None:
        """Start an ingest and kill it, unless it ends before its moment comes."""
        self._aims = self._aims or self.random.sample(AIMS, len(AIMS))
        if self._missed:
            self.library.grow()  # each album is a segment, and four of them are merged
        elif self.random.random() < CHANGES:
            self.changes[self.library.change()] += 1
        aim, since = self._aims.pop(), self.catalog.newest_event()
        process = self._start()
        moment = trigger(
            aim,
            self.installation.data,
            lambda step: self.catalog.has_started(step, since),
            self.random,
        )
        if came := self._comes(moment, process, aim):
            self._kill(process, since)
        else:
            self._ended(process)
        self._missed = 0 if came else (self._missed + 1) % TRIES
        if self._missed:
            self._aims.append(aim)
        self.inspector.look()

    def finish(self) -> None:
        """An ingest that nobody disturbs."""
        with self._start() as process:
            process.wait(LONGEST_INGEST)
        self._ended(process)

    def _start(self) -> subprocess.Popen[str]:
        return self.installation.start(
            "ingest", self.library.folder, start_new_session=True, stdout=self._log
        )

    def _comes(self, moment: Callable[[], bool], process: subprocess.Popen[str], aim: Aim) -> bool:
        """Whether the moment comes before the ingest ends."""
        deadline = time.monotonic() + LONGEST_INGEST
        while process.poll() is None:
            if moment():
                return True
            if time.monotonic() > deadline:
                self.problems.append(f"an ingest hangs, waiting for {aim.name}")
                return True
            if not (aim.pattern or aim.step) and self.looking.random() < LOOKS:
                self.inspector.look()
            time.sleep(0.005)
        return False

    def _kill(self, process: subprocess.Popen[str], since: int) -> None:
        postgres = self.kills % POSTGRES_EVERY == POSTGRES_EVERY - 1 and self.catalog.runs()
        if postgres and self.witness:
            self.witness.outages.begin()
        if postgres:
            self.postgres_kills += 1
            self.catalog.kill()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.inspector.look()
        if postgres and self.witness:
            self._wait_for_postgres(self.witness)
        self.stages[self.catalog.stage(since)] += 1

    def _wait_for_postgres(self, witness: Witness) -> None:
        """It is for the API to bring it back."""
        try:
            self.catalog.wait(COMES_BACK)
        except AssertionError:
            witness.failures.append("PostgreSQL was not brought back")
        witness.outages.end()

    def _ended(self, process: subprocess.Popen[str]) -> None:
        self.ended_alone += 1
        if process.returncode != 0:
            said = (self.folder / "log").read_text()[-SHOWN_OF_A_LOG:]
            self.problems.append(f"an ingest ended with exit code {process.returncode}:\n{said}")


def run(campaign: Campaign, kills: int) -> Difference:
    """The whole of it."""
    with ExitStack() as stack:
        while campaign.kills < kills:
            if campaign.witness is None and campaign.kills >= SERVED_AFTER:
                campaign.witness = serve(campaign, stack)
            campaign.strike()
            print(f"\r{campaign.kills} of {kills} kills", end="", file=sys.stderr, flush=True)
        campaign.finish()
        published = campaign.catalog.published()
        if campaign.witness:
            campaign.witness.failures += wrongly_served(campaign.witness, published)
    for version in published:
        if not (campaign.installation.data / "indexes" / version).is_dir():
            campaign.inspector.problems.append(f"{version} was published and is not there")
    undisturbed = campaign.installed("undisturbed")
    undisturbed.run("ingest", campaign.library.folder)
    return compare(facts(undisturbed.data), facts(campaign.installation.data))


def wrongly_served(witness: Witness, published: list[str]) -> Iterator[str]:
    """What is wrong with the versions it met: not in order, or not up to the last one."""
    try:
        until(lambda: witness.versions[-1:] == published[-1:], CATCHES_UP)
    except AssertionError:
        yield f"{witness.versions[-1:]} is served, {published[-1:]} was published"
    if not in_order(witness.versions, published):
        yield f"{witness.versions} were served of {published}"


def serve(campaign: Campaign, stack: ExitStack) -> Witness:
    """The API on the data root under fire, and its client."""
    campaign.finish()
    [port] = free_ports(1)
    quiet = Installation(
        campaign.installation.data, {**campaign.installation.environment, "LOG_LEVEL": "ERROR"}
    )
    stack.enter_context(serving(quiet, port))
    data, ever = campaign.installation.data, campaign.library.ever
    witness = Witness(f"http://127.0.0.1:{port}", data, ever, seed=0)
    stack.callback(witness.stop)
    return witness


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    fetch_weights(Settings(models=MODELS), "musicnn-msd")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soundalike-") as name:
        Path(name).chmod(0o755)  # root's private server runs as nobody
        campaign = Campaign(Path(name), arguments.seed)
        difference = run(campaign, arguments.kills)
        result = Result(
            seconds=time.monotonic() - started,
            stages=campaign.stages,
            changes=campaign.changes,
            postgres_kills=campaign.postgres_kills,
            ended_alone=campaign.ended_alone,
            looks=campaign.inspector.looks,
            wrong={
                "lost": difference.lost,
                "divergent": difference.divergent,
                "api_failures": campaign.witness.failures if campaign.witness else [],
                "half_written": campaign.inspector.problems,
                "failed_ingests": campaign.problems,
            },
        )
        return 0 if report(result, campaign.witness) else 1


if __name__ == "__main__":
    sys.exit(main())

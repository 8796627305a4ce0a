"""Hits on a running `soundalike up`, one after another: it heals by itself, and loses nothing.

    make chaos

Music changes, a client asks without pause, and processes, files, folders and the disk are hit in an
order of the seed's. After each hit the campaign waits until all music is served again. In the end
an undisturbed ingest of the same music into a new data root must have made the same. Prints a table
and ends with one JSON line; the exit code is 1 if anything did not heal, was lost or wrong.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from soundalike.catalog.engine import Sessions
from soundalike.embedders import fetch_weights
from soundalike.postgres.server import private_server
from soundalike.settings import Settings
from tests.chaos.client import Client
from tests.chaos.disk import on_a_disk
from tests.chaos.health import missing
from tests.chaos.hits import PROCESS_HITS, Hit
from tests.chaos.report import Report, Struck
from tests.chaos.scene import Absent, Scene
from tests.chaos.storage_hits import hits as storage_hits
from tests.e2e.conftest import Installation
from tests.torture.campaign import MODELS
from tests.torture.catalog import Catalog
from tests.torture.compare import compare, facts

START_SECONDS = 300.0
LOOK_SECONDS = 0.5


def strike(scene: Scene, hit: Hit, wait: float, bound: float) -> Struck:
    """Change the music, hit, and wait until all of it is served. Raises Absent."""
    before = Counter(scene.client.statuses)
    scene.library.grow()
    for _ in range(scene.random.randint(0, 2)):
        scene.library.change()
    scene.pause(scene.random.uniform(0, wait))
    with hit.act(scene):
        pass
    seconds, lacking = healed(scene, bound)
    answers = Counter(scene.client.statuses)
    answers.subtract(before)
    return Struck(hit.name, seconds, lacking, +answers, hit.restarts)


def healed(scene: Scene, bound: float) -> tuple[float | None, str]:
    """Seconds until nothing is missing; None, and what is missing, after `bound` seconds."""
    started = time.monotonic()
    while lacking := missing(scene):
        if scene.ended:
            return None, "up has ended"
        if time.monotonic() - started > bound:
            return None, lacking
        scene.pause(LOOK_SECONDS)
    return time.monotonic() - started, ""


def campaign(scene: Scene, arguments: argparse.Namespace, report: Report) -> None:
    """Hit until the number is reached."""
    kinds: list[Hit] = []
    chosen = [
        hit
        for hit in (*PROCESS_HITS, *storage_hits(has_disk=arguments.disk))
        if arguments.only in hit.name
    ]
    while len(report.struck) < arguments.hits and len(report.absent) < len(chosen):
        kinds = kinds or scene.random.sample(chosen, len(chosen))
        hit = kinds.pop()
        try:
            struck = strike(scene, hit, arguments.wait, arguments.bound)
        except Absent as error:
            report.absent[hit.name] = str(error)
            print(f"{hit.name}: not achieved: {error}", file=sys.stderr, flush=True)
            healed(scene, arguments.bound)
            continue
        report.struck.append(struck)
        print(f"{len(report.struck)}: {struck.line()}", file=sys.stderr, flush=True)
        if struck.seconds is None:  # by hand, so that the next hit meets a healthy one
            scene.stop()
            scene.start()
            healed(scene, START_SECONDS)


def run(folder: Path, disk: Path, arguments: argparse.Namespace) -> bool:
    """The whole of it; True if all is well."""
    started, report = time.monotonic(), Report()
    scene = Scene(folder, disk, MODELS, Random(arguments.seed))
    with ExitStack() as stack:
        stack.callback(scene.stop)
        scene.start()
        scene.catalog = Catalog(scene.data)
        scene.sessions = sessions_of(scene.data)
        _, lacking = healed(scene, START_SECONDS)
        if lacking:
            raise SystemExit(f"it did not start: {lacking}\n{scene.log.read_text()[-3000:]}")
        url = f"http://127.0.0.1:{scene.api}"
        scene.client = Client(url, scene.data, scene.library.ever, seed=0)
        stack.callback(scene.client.stop)
        campaign(scene, arguments, report)
        scene.pause(arguments.wait)
        healed(scene, arguments.bound)
        report.wrong, report.unjudged = scene.client.failures, scene.client.unjudged
        report.api_500 = [with_cause(each, scene.log) for each in scene.client.errors]
    undisturbed = clean_ingest(scene)
    difference = compare(facts(undisturbed.data), facts(scene.data))
    report.lost, report.wrong = difference.lost, report.wrong + difference.divergent
    return report.print(time.monotonic() - started, scene.client.statuses)


def with_cause(error: str, log: Path) -> str:
    """The error that the API answered, and what its log has of it."""
    lines = log.read_text(errors="replace").splitlines()
    identifier = re.search(r'"correlation_id": "(\w+)"', error)
    for line in lines if identifier else ():
        if identifier[1] in line and '"error"' in line:
            return f"{error[:60]}: {line[-600:]}"
    return error


def sessions_of(data: Path) -> Sessions:
    """Sessions of the private PostgreSQL, which need not answer yet."""
    url = private_server(data, durable=True).url
    return sessionmaker(create_engine(url, pool_pre_ping=True))


def clean_ingest(scene: Scene) -> Installation:
    """The same music in a new data root."""
    data = scene.folder / "undisturbed"
    data.mkdir()
    told = {**scene.installation.environment, "SOUNDALIKE_DATA": str(data)}
    undisturbed = Installation(data, told)
    undisturbed.run("ingest", scene.library.folder)
    return undisturbed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hits", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wait", type=float, default=15.0, help="seconds before a hit, at most")
    parser.add_argument("--bound", type=float, default=180.0, help="seconds to heal")
    parser.add_argument("--only", default="", help="kinds whose name has this")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # we, in our namespace
    parser.add_argument("--disk", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that `up` is stopped too
        return 0 if run(arguments.folder, arguments.folder / "disk", arguments) else 1
    fetch_weights(Settings(models=MODELS), "musicnn-msd")
    with tempfile.TemporaryDirectory(prefix="soundalike-chaos-") as name:
        Path(name).chmod(0o755)  # root's private server runs as nobody
        disk = Path(name, "disk")
        disk.mkdir()
        again = [sys.executable, "-m", "tests.chaos.campaign", *sys.argv[1:], "--folder", name]
        within = on_a_disk(disk, [*again, "--disk"])
        return subprocess.run(within or again, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

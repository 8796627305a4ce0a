"""What is done to a running `up`: a context a hit, which ends when the cause of trouble is gone."""

import signal
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from tests.chaos.scene import Absent, Scene
from tests.e2e.test_healing import API, CODE_SERVER, DAEMON, WEB_SERVER
from tests.postgres.hanging import hanging
from tests.source import REPOSITORY

Find = Callable[[Scene], psutil.Process]
MOMENT_SECONDS = 90.0  # for a run or a decoder to appear
UNIT = REPOSITORY / "deploy" / "systemd" / "soundalike.service"
DECODER = "soundalike.audio.child"
JOBS = ("scan", "ingest_batch", "publish_index")


@dataclass(frozen=True)
class Hit:
    """A kind of hit. `restarts`: the service manager starts `up` again after it."""

    name: str
    act: Callable[[Scene], AbstractContextManager[object]]
    restarts: bool = False


def service(words: tuple[str, ...]) -> Find:
    """The process of a service."""
    return lambda scene: scene.service(*words)


def api_worker(scene: Scene) -> psutil.Process:
    """One of the processes that answer requests."""
    return scene.child(scene.service(*API), "spawn_main")


def loaded_code(scene: Scene) -> psutil.Process:
    """The process that has loaded the pipeline, below the code server."""
    return scene.child(scene.service(*CODE_SERVER), "grpc")


def forkserver(scene: Scene) -> psutil.Process:
    """The process that runs are forked from."""
    return scene.child(scene.service(*DAEMON), "forkserver")


def run_worker(job: str) -> Find:
    """The process of a run, as soon as one of the job executes."""
    return lambda scene: scene.run_worker(job, MOMENT_SECONDS)[0]


def decoder(scene: Scene) -> psutil.Process:
    """A process that decodes, as soon as there is one."""
    daemon = scene.service(*DAEMON)

    def look() -> psutil.Process | None:
        try:
            return scene.child(daemon, DECODER)
        except Absent:
            return None

    process: psutil.Process = scene.soon(look, MOMENT_SECONDS, "no decoder")
    return process


def backend(scene: Scene) -> psutil.Process:
    """A process of PostgreSQL that works for a client, or on its own."""
    return scene.random.choice(scene.postmaster().children())


@contextmanager
def _sent(find: Find, number: signal.Signals, scene: Scene) -> Iterator[None]:
    process = find(scene)
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess as error:
        raise Absent("it ended a moment ago") from error
    yield


@contextmanager
def _stopped(find: Find, scene: Scene) -> Iterator[None]:
    """Stop a process and its children for some seconds."""
    process = find(scene)
    with ExitStack() as stack:
        try:
            stack.enter_context(hanging(process))
        except psutil.NoSuchProcess as error:
            raise Absent("it ended a moment ago") from error
        scene.pause(scene.random.uniform(5, 20))
        yield


def restart_seconds(unit: Path = UNIT) -> float:
    """Seconds after which systemd starts an `up` that failed again, as our unit file asks it to."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.read(unit)
    service = parser["Service"]
    if service["Restart"] not in ("on-failure", "always"):
        raise AssertionError(f"{unit.name} does not start a killed `up` again")
    return float(service["RestartSec"].removesuffix("s"))


@contextmanager
def _killed_up(scene: Scene) -> Iterator[None]:
    """Kill `up`, and start it as its systemd unit does: no systemd runs here."""
    scene.kill()
    yield
    scene.pause(restart_seconds())
    scene.start()


@contextmanager
def _set(what: str, number: int, scene: Scene) -> Iterator[None]:
    """Set the number that a library in all processes reads, and set it right after some seconds."""
    if what not in scene.preloaded:
        raise Absent("there is no C compiler for a library of our own")
    with scene.preloaded[what].set_to(number):
        scene.pause(scene.random.uniform(5, 25))
        yield


CLOCK_JUMPS = {"an hour ahead": 3600, "an hour back": -3600, "two days ahead": 172_800}  # seconds
SLOW_BY_MILLISECONDS = 100
VICTIMS: dict[str, Find] = {
    "the API": service(API),
    "an API worker": api_worker,
    "the web server": service(WEB_SERVER),
    "the daemon": service(DAEMON),
    "the code server": service(CODE_SERVER),
    "the loaded code": loaded_code,
    "the forkserver": forkserver,
    **{f"a run of {job}": run_worker(job) for job in JOBS},
    "a decoder": decoder,
    "a PostgreSQL process": backend,
    "PostgreSQL": Scene.postmaster,
}
STOPPED = (
    *("the API", "an API worker", "the daemon", "the code server", "the forkserver", "PostgreSQL"),
    *("a PostgreSQL process", "a run of scan", "a run of ingest_batch", "a run of publish_index"),
)
ENDED = (
    *("the API", "an API worker", "the web server", "the daemon", "the code server", "PostgreSQL"),
    *("a PostgreSQL process", "a run of scan", "a run of ingest_batch", "a run of publish_index"),
)
PROCESS_HITS = (
    *(Hit(f"kill {name}", partial(_sent, find, signal.SIGKILL)) for name, find in VICTIMS.items()),
    *(Hit(f"stop {name}", partial(_stopped, VICTIMS[name])) for name in STOPPED),
    *(Hit(f"end {name}", partial(_sent, VICTIMS[name], signal.SIGTERM)) for name in ENDED),
    *(Hit(f"clock {name}", partial(_set, "clock", far)) for name, far in CLOCK_JUMPS.items()),
    Hit("slow disk", partial(_set, "disk", SLOW_BY_MILLISECONDS)),
    Hit("kill up itself", _killed_up, restarts=True),
)

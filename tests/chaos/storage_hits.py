"""Hits on what lies on the disk: full, read-only, files damaged or deleted, folders gone."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from tests.chaos.disk import full, read_only
from tests.chaos.hits import JOBS, MOMENT_SECONDS, Hit
from tests.chaos.scene import Absent, Scene

LASTS = (5.0, 25.0)  # seconds
TERMINATE = "mutation End($run: String!) { terminateRun(runId: $run) { __typename } }"
AGAIN = """
mutation Again($run: String!) { launchRunReexecution(
    reexecutionParams: {parentRunId: $run, strategy: ALL_STEPS}) { __typename } }
"""
ENDED = "select status from dagster.runs where run_id = %s and status in ('CANCELED', 'SUCCESS')"
ARTIFACTS = {  # names in words, and where they are below the data root
    "vectors": "embeddings/*/b*.npy",
    "a sidecar": "embeddings/*/b*.parquet",
    "audio": "audio/44100/*/[0-9a-f]*.flac",
    "a batch manifest": "batches/b*.parquet",
    "a segment": "segments/*/index.faiss",
    "the index's manifest": "indexes/{served}/manifest.json",
}


def lasting(scene: Scene) -> None:
    """Let the trouble last for some seconds."""
    scene.pause(scene.random.uniform(*LASTS))


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """Nothing can be written to the data root's disk."""
    with full(scene.data.parent):
        lasting(scene)
        yield


@contextmanager
def read_only_folder(name: str, scene: Scene) -> Iterator[None]:
    """A folder of the data root is mounted read-only; files that are open stay as they are."""
    folder = scene.data / name
    if not folder.is_dir():
        raise Absent(f"there is no {name}")
    with read_only(folder):
        lasting(scene)
        yield


def any_artifact(pattern: str, scene: Scene) -> Path:
    """One of the files; the client has seen the index before, so it knows right answers."""
    index = scene.get("/v1/index")
    if not index:
        raise Absent("no index is served")
    scene.client.open(index["version"])
    paths = sorted(scene.data.glob(pattern.format(served=index["version"])))
    if not paths:
        raise Absent(f"there is no {pattern}")
    return scene.random.choice(paths)


@contextmanager
def deleted(pattern: str, scene: Scene) -> Iterator[None]:
    """Delete a file."""
    any_artifact(pattern, scene).unlink()
    yield


@contextmanager
def damaged(pattern: str, scene: Scene) -> Iterator[None]:
    """Put another file in its place: a byte is another one, and the last third is lost of audio."""
    path = any_artifact(pattern, scene)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    if path.suffix == ".flac":  # scans look at sizes of audio, as they do not read it
        del content[-len(content) // 3 :]
    other = path.with_name(f".{path.name}.chaos")
    other.write_bytes(content)
    shutil.copystat(path, other)
    other.replace(path)
    yield


@contextmanager
def music_gone(scene: Scene) -> Iterator[None]:
    """The music folder is away, as a disk that is not mounted."""
    away = scene.library.folder.with_name("away")
    scene.library.folder.rename(away)
    try:
        lasting(scene)
        yield
    finally:
        if scene.library.folder.exists():
            scene.library.folder.rmdir()
        away.rename(scene.library.folder)


@contextmanager
def no_temporary_files(scene: Scene) -> Iterator[None]:
    """Empty TMPDIR."""
    for path in scene.temporary.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    yield


@contextmanager
def limited(limit: int, value: int, scene: Scene) -> Iterator[None]:
    """Processes of `up`, and those that they start, may have only so much for a while."""
    unlimited = resource.getrlimit(limit)
    _limit(scene, limit, (value, unlimited[1]))
    try:
        lasting(scene)
        yield
    finally:
        _limit(scene, limit, unlimited)


def _limit(scene: Scene, limit: int, values: tuple[int, int]) -> None:
    """Limit all processes, and those that were forked meanwhile by one that was not limited yet."""
    for _ in range(100):
        if not sum(_limits(process, limit, values) for process in scene.processes()):
            return


def _limits(process: psutil.Process, limit: int, values: tuple[int, int]) -> bool:
    """Limit a process; return whether it was not limited so before."""
    try:
        before = process.rlimit(limit)
        process.rlimit(limit, values)
    except (psutil.Error, OSError):  # it has ended
        return False
    return before != values


@contextmanager
def terminated(job: str, scene: Scene) -> Iterator[None]:
    """Terminate a run in Dagster, as a person does, and ask for the same once more.

    What a person cancels is left alone until then.
    """
    dagster = scene.dagster()
    _, run = scene.run_worker(job, MOMENT_SECONDS)
    dagster._execute(TERMINATE, {"run": run})
    [(status,)] = scene.soon(lambda: scene.catalog.ask(ENDED, run), MOMENT_SECONDS, "no end of it")
    if status != "CANCELED":
        raise Absent("it had succeeded by then")
    yield
    dagster._execute(AGAIN, {"run": run})


def hits(*, has_disk: bool) -> tuple[Hit, ...]:
    """The kinds that this system allows: a disk of our own can be filled, root can mount."""
    acts: dict[str, Callable[..., object]] = {
        **{f"delete {name}": partial(deleted, at) for name, at in ARTIFACTS.items()},
        **{f"damage {name}": partial(damaged, at) for name, at in ARTIFACTS.items()},
        "music folder away": music_gone,
        "TMPDIR emptied": no_temporary_files,
        "no open files left": partial(limited, resource.RLIMIT_NOFILE, 16),
        "no large files": partial(limited, resource.RLIMIT_FSIZE, 4096),
        "little memory": partial(limited, resource.RLIMIT_AS, 2**30),
        **{f"terminate {job}, ask again": partial(terminated, job) for job in JOBS},
    }
    if has_disk:
        acts["disk full"] = full_disk
    if has_disk and os.geteuid() == 0:
        for name in ("audio", "embeddings", "indexes", "batches"):
            acts[f"read-only {name}"] = partial(read_only_folder, name)
    return tuple(Hit(name, act) for name, act in acts.items())

"""Run files: the folders of runs outside of the database, captured logs above all.

Dagster never removes them: not with a run that is deleted, nor the logs of ticks that it purges.
"""

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

DAY_SECONDS = 24 * 3600
IDS_AT_ONCE = 1000


def run_folders(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    """Return the folders of the run that exist."""
    folders = [root / run_id for root in _roots(instance)]
    return [folder for folder in folders if folder.is_dir()]


def orphaned_files(instance: dg.DagsterInstance, days: int) -> Iterator[Path]:
    """Yield folders of runs that are not recorded, and logs of ticks older than `days`.

    A folder is left alone for a day, as one that is being made might be.
    """
    for root in filter(Path.is_dir, _roots(instance)):
        aged = [path for path in root.iterdir() if _is_run(path) and _age_days(path) > 1]
        for start in range(0, len(aged), IDS_AT_ONCE):
            some = aged[start : start + IDS_AT_ONCE]
            known = set(instance.get_run_ids(dg.RunsFilter(run_ids=[path.name for path in some])))
            yield from (path for path in some if path.name not in known)
    yield from (path for path in _tick_logs(instance) if _age_days(path) > days)


def size(path: Path) -> int:
    """Return the bytes in a file or folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def remove(path: Path) -> None:
    """Remove a file or folder, if it is still there. Raises OSError if it cannot be removed."""
    with suppress(FileNotFoundError):  # another process was faster
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _roots(instance: dg.DagsterInstance) -> list[Path]:
    """Return the folders in which each run may have one, named by its id."""
    return [Path(instance.storage_directory()), *_logs(instance)]


def _logs(instance: dg.DagsterInstance) -> list[Path]:
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return []
    return [Path(manager.get_captured_local_path(["any"], "out")).parent]


def _tick_logs(instance: dg.DagsterInstance) -> Iterator[Path]:
    """Yield what sensors and schedules logged: repository/sensor/tick.err."""
    for root in filter(Path.is_dir, _logs(instance)):
        for repository in root.iterdir():
            if repository.is_dir() and not _is_run(repository):
                yield from filter(Path.is_file, repository.glob("*/*"))


def _is_run(path: Path) -> bool:
    try:
        return str(uuid.UUID(path.name)) == path.name
    except ValueError:
        return False


def _age_days(path: Path) -> float:
    return (time.time() - path.stat().st_mtime) / DAY_SECONDS

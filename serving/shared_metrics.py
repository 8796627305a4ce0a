"""The folder of a server's metrics, made before its workers start and import prometheus_client."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name for it


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Have the processes that are started in the block share their metrics.

    A folder that the environment names already is used; another is made, and removed afterwards.
    """
    if os.environ.get(FOLDER):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="soundalike-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def shared_folder() -> Path | None:
    """Return the folder, or None where metrics are not shared.

    One that was deleted, as by who empties the temporary folder, is made again: without it no new
    worker could start. What was counted in it until then is lost.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(folder)

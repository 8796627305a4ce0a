"""The worker class for gunicorn: the same server as `python -m serving`, under its arbiter.

`gunicorn 'serving.app:create_app()' -k serving.gunicorn_worker.BoundedWorker -w 2`
"""

import atexit
import os
from contextlib import ExitStack
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from serving.server import server_options
from serving.shared_metrics import shared_metrics
from soundalike.settings import load_settings


class BoundedWorker(UvicornWorker):  # type: ignore[misc]  # untyped
    """A process of the API, with bounded connections."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "auto", **server_options(load_settings())}


def _share_metrics() -> None:
    """Share metrics until the arbiter ends, which imports this before it forks its workers."""
    arbiter, sharing = os.getpid(), ExitStack()
    sharing.enter_context(shared_metrics())
    atexit.register(lambda: sharing.close() if os.getpid() == arbiter else None)


_share_metrics()

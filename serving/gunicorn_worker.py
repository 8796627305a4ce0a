"""The worker class for gunicorn: the same server as `python -m serving`, under its arbiter.

`gunicorn 'serving.app:create_app()' -k serving.gunicorn_worker.BoundedWorker -w 2`
"""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from serving.server import server_options
from soundalike.settings import load_settings


class BoundedWorker(UvicornWorker):  # type: ignore[misc]  # untyped
    """A process of the API, with bounded connections."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "auto", **server_options(load_settings())}

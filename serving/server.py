"""The server: uvicorn with bounded connections, as `up`, Docker and gunicorn start it."""

from contextlib import nullcontext
from typing import Any

import uvicorn

from serving.connections import BoundedProtocol
from serving.limits import SHUTDOWN_SECONDS
from serving.shared_metrics import shared_metrics
from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.settings import Settings, load_settings

APPLICATION = "serving.app:create_app"


def server_options(settings: Settings) -> dict[str, Any]:
    """Return the options of uvicorn that do not depend on who starts it."""
    return {
        "http": BoundedProtocol,
        "ws": "none",
        "server_header": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": list(settings.trusted_proxies),
    }


def main() -> None:
    """Serve the API as the settings say: in development it reloads, else it has several workers.

    Raises SettingsError if it would be open to the network without an API key.
    """
    settings = load_settings()
    require_key_beyond_loopback(settings)
    development = settings.environment == "development"
    workers = 1 if development else settings.workers
    with shared_metrics() if workers > 1 else nullcontext():
        uvicorn.run(
            APPLICATION,
            factory=True,
            host=settings.host,
            port=settings.port,
            reload=development,
            workers=workers,
            access_log=False,
            log_level="warning",  # of the process above the workers, which log for themselves
            **server_options(settings),
        )

"""Dagster's web server, which other sites' pages must not use: `python -m pipelines.web_server`.

It can start runs and has no login. Dagster executes any GraphQL that it is sent, by GET too, from
any page, under any name that leads to this machine. The options are those of `dagster-webserver`.
"""

from collections.abc import Collection
from typing import Any

from dagster_webserver import cli
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from soundalike.settings import load_settings
from soundalike.web_origins import is_cross_site, is_known_host, known_hosts

REFUSAL = (
    "refused: the request comes from another site's page, or its Host header names no host of this "
    "server; SOUNDALIKE_HOSTS lists them\n"
)
GRAPHQL = "/graphql"
CREATE = "create_app_from_workspace_process_context"  # in Dagster's module of the command


class RefuseOtherSites:
    """Middleware that refuses unknown hosts, and all that another site's page requests.

    A link to a page of the UI is followed.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or self._admits(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(REFUSAL, 403)(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if not is_known_host(headers.get("host", ""), self._hosts):
            return False
        return not is_cross_site(headers) or _follows_link(scope, headers)


def _follows_link(scope: Scope, headers: Headers) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and not scope["path"].startswith(GRAPHQL)
    )


def main() -> None:
    """Run `dagster-webserver` with the middleware around its application."""
    settings = load_settings()
    create = getattr(cli, CREATE)

    def guarded(*arguments: Any, **named: Any) -> Starlette:  # noqa: ANN401 - Dagster's own
        app: Starlette = create(*arguments, **named)
        app.add_middleware(RefuseOtherSites, hosts=known_hosts(settings.hosts, settings.host))
        return app

    setattr(cli, CREATE, guarded)
    cli.cli(auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main()

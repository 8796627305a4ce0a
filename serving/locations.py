"""Locations: who may see where files lie, beyond their paths below a music root."""

from fastapi import Request

from serving.key_ring import OWNER
from soundalike.settings import Settings, is_loopback


def may_see_locations(settings: Settings, request: Request) -> bool:
    """Return whether this client is told absolute paths, as SOUNDALIKE_SHOW_PATHS says.

    By itself, only clients on this machine are, and only if no key was ever made: a proxy's client
    has the address that the proxy names.
    """
    if settings.show_paths != "auto":
        return settings.show_paths == "always"
    is_here = request.client is not None and is_loopback(request.client.host)
    return is_here and request.scope.get("caller") is OWNER

"""Hosts and sites of HTTP requests: what a browser says of who made it send one.

A site whose name an attacker points at 127.0.0.1 (DNS rebinding) reaches local servers with that
name as its host. So names must be known; an address cannot be pointed anywhere.
"""

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

LOCAL_NAMES = frozenset(("localhost",))
ANY = "*"


def known_hosts(hosts: Collection[str], bound: str) -> frozenset[str]:
    """Return the names of a server: those that are set, and loopback's, and where it listens."""
    return LOCAL_NAMES | {host.lower() for host in (*hosts, bound)}


def is_known_host(host: str, known: Collection[str]) -> bool:
    """Return whether a Host header names an address or a known name, whatever its port.

    HTTP/1.0 has no such header; no browser speaks it.
    """
    if not host or ANY in known:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return name in known or _is_address(name)


def is_cross_site(headers: Mapping[str, str], allowed: Collection[str] = ()) -> bool:
    """Return whether another site made a browser send this; others than browsers do not say."""
    origin = headers.get("origin")
    if origin in allowed:
        return False
    fetched = headers.get("sec-fetch-site")
    if fetched:
        return fetched not in {"same-origin", "none"}
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def says_site(headers: Mapping[str, str]) -> bool:
    """Return whether the sender says where the request comes from, as every browser does."""
    return "origin" in headers or "sec-fetch-site" in headers


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

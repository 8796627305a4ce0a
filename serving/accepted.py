"""Accepted types: the form of an answer that a client's Accept header prefers."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.routing import APIRoute


def preferred(request: Request, types: Mapping[str, str]) -> str:
    """Return the form whose media type the client weighs highest; the first of `types` by itself.

    Other forms than the first must be named: a browser's `*/*` does not mean them.
    """
    default = next(iter(types))
    weights = dict(map(_weighed, request.headers.get("accept", "").split(",")))
    named = {form: weights.get(type_, 0.0) for form, type_ in types.items()}
    best = max(named, key=lambda form: named[form])
    return best if named[best] > 0 else default


def is_negotiated(route: object) -> bool:
    """Return whether Accept chooses the form of a route's answers: its model's JSON, or another."""
    if not isinstance(route, APIRoute) or route.response_model is None:
        return False
    return bool(route.responses.get(200, {}).get("content"))


def _weighed(accepted: str) -> tuple[str, float]:
    """Parse one part of the header: a media type, and its weight, 1 unless `q` says otherwise."""
    media_type, *parameters = (part.strip().lower() for part in accepted.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return media_type, float(weight)
    except ValueError:
        return media_type, 0.0

"""Query parameters that no route has, or that came twice: refused rather than passed over."""

from collections import Counter
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Cookie, Header, Path
from fastapi.routing import APIRoute

_KNOWN: dict[Callable[..., Any], Mapping[str, bool]] = {}  # by endpoint; looked up once each


async def require_known_parameters(request: Request) -> None:
    """Require each query parameter to be one that the route has; only lists may be repeated.

    Raises RequestValidationError. It is async, or FastAPI would run it in threads.
    """
    if not request.query_params:
        return
    known = query_parameters(request.scope["route"])
    issues = [
        _issue(name, message)
        for name, count in Counter(name for name, _ in request.query_params.multi_items()).items()
        if (message := _wrong(known, name, count))
    ]
    if issues:
        raise RequestValidationError(issues)


def query_parameters(route: APIRoute) -> Mapping[str, bool]:
    """Return the names of a route's query parameters, and whether each takes a list."""
    known = _KNOWN.get(route.endpoint)
    if known is None:
        known = _KNOWN[route.endpoint] = {
            field.alias: _is_list(field.field_info.annotation)
            for field in get_flat_params(route.dependant)
            if not isinstance(field.field_info, Path | Header | Cookie)
        }
    return known


def _is_list(annotation: Any) -> bool:  # noqa: ANN401 - any type
    if get_origin(annotation) in (Union, UnionType):
        return any(map(_is_list, get_args(annotation)))
    return get_origin(annotation) is list


def _wrong(known: Mapping[str, bool], name: str, count: int) -> str | None:
    if name not in known:
        listed = f"this route has {', '.join(sorted(known))}" if known else "this route has none"
        return f"no such query parameter; {listed}"
    if count > 1 and not known[name]:
        return "given more than once, and it takes one value"
    return None


def _issue(name: str, message: str) -> dict[str, Any]:
    return {"loc": ("query", name), "msg": message, "type": "query_parameter"}

"""Query parameters that no route has, or that came twice: refused rather than passed over."""

from collections import Counter
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError


async def require_known_parameters(request: Request) -> None:
    """Require each query parameter to be one that the OpenAPI document has for the route.

    Only lists may be repeated. Raises RequestValidationError. It is async, or FastAPI would
    run it in threads, and the first requests would build the document several times at once.
    """
    if not request.query_params:
        return
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = {
        each["name"]: each for each in operation.get("parameters", ()) if each["in"] == "query"
    }
    issues = [
        _issue(name, message)
        for name, count in Counter(name for name, _ in request.query_params.multi_items()).items()
        if (message := _wrong(known, name, count))
    ]
    if issues:
        raise RequestValidationError(issues)


def _wrong(known: dict[str, dict[str, Any]], name: str, count: int) -> str | None:
    if name not in known:
        listed = f"this route has {', '.join(sorted(known))}" if known else "this route has none"
        return f"no such query parameter; {listed}"
    if count > 1 and known[name]["schema"].get("type") != "array":
        return "given more than once, and it takes one value"
    return None


def _issue(name: str, message: str) -> dict[str, Any]:
    return {"loc": ("query", name), "msg": message, "type": "query_parameter"}

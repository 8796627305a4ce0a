"""Query parameters: read into their model; unknown and repeated ones are refused."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

from fastapi import FastAPI, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Cookie, Header, Path
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

Parameters = TypeVar("Parameters", bound=BaseModel)
_KNOWN: dict[Callable[..., Any], Mapping[str, bool]] = {}  # by endpoint; looked up once each


class FromQuery(Generic[Parameters]):
    """A dependency that reads the request's query parameters into a model.

    FastAPI's own way (`Annotated[model, Query()]`) takes as long as a search, because it looks for
    each field that could have been sent. The route's `openapi_extra` is `described(model)`.
    """

    def __init__(self, model: type[Parameters]) -> None:
        self._model = model
        fields = model.model_fields
        self.lists = {name: _is_list(each.annotation) for name, each in fields.items()}
        # Given, as pydantic would make a deep copy of each for every request.
        self._empty: dict[str, Any] = {name: [] for name in fields if fields[name].default == []}

    async def __call__(self, request: Request) -> Parameters:
        """Read the parameters. Raises RequestValidationError."""
        query, lists = request.query_params, self.lists
        given = self._empty | {
            name: query.getlist(name) if lists[name] else query[name]
            for name in query
            if name in lists
        }
        try:
            return self._model.model_validate(given)
        except ValidationError as error:
            issues = error.errors(include_url=False)
            wrong = [{**issue, "loc": ("query", *issue["loc"])} for issue in issues]
            raise RequestValidationError(wrong) from error


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the OpenAPI document has of a model's query parameters, as FastAPI writes it."""
    app = FastAPI()

    @app.get("/")
    def read(parameters: Annotated[model, Query()]) -> None:  # type: ignore[valid-type]
        """Stand for a route that has these parameters."""

    return {"parameters": app.openapi()["paths"]["/"]["get"]["parameters"]}


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
        } | dict(_of_models(route.dependant))
    return known


def _of_models(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    for each in dependant.dependencies:
        if isinstance(each.call, FromQuery):
            yield from each.call.lists.items()
        yield from _of_models(each)


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

"""The comparison of the client with the OpenAPI document: a line for each thing that is missing."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from soundalike.client import answers, endpoints
from soundalike.client.call import Call
from soundalike.client.operations import Operations
from soundalike.client.problems import InvalidField, ProblemBody, ProblemError

SAID = ("type", "anyOf", "items", "$ref", "format", "const", "additionalProperties", "properties")
SAMPLES: Mapping[str, Any] = {"file": b"x", "searches": []}
OTHER_FORMS = {"format", "base"}  # of a list's answer: `Call.playlist`, which any list takes
OTHER_NAMES = {"InvalidField": "FieldProblem", "ProblemBody": "ProblemDetails"}
NO_PROBLEMS = {200, 206, 304}  # the last is for who sends If-None-Match, which the client does not
Document = Mapping[str, Any]


def missing(document: Document) -> list[str]:
    """What the document has and the client lacks, or has otherwise."""
    problems = [(ProblemBody, "ProblemDetails"), (InvalidField, "FieldProblem")]
    return [
        *(line for operation in _operations(document) for line in _of_operation(*operation)),
        *(line for mine, name in problems for line in _fields(mine, name, document)),
        *_answers(document),
        *_statuses(document),
    ]


def _operations(document: Document) -> Iterator[tuple[Document, str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield document, path, method.upper(), operation


def _of_operation(document: Document, path: str, method: str, operation: Document) -> Iterator[str]:
    name = operation["operationId"]
    call = getattr(endpoints, name, None)
    if call is None:
        yield f"{name}: no function in soundalike/client/endpoints.py"
        return
    if getattr(Operations, name, None) is None:
        yield f"{name}: no line in soundalike/client/operations.py"
    mine = set(parameters_of(call))
    theirs = set(_parameters(document, operation)) - (OTHER_FORMS - mine)
    yield from (f"{name}: no parameter {each}" for each in sorted(theirs - mine))
    yield from (f"{name}: parameter {each} is none of the API's" for each in sorted(mine - theirs))
    made = sample_call(call)
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    if made.method != method or not re.fullmatch(pattern, made.path):
        yield f"{name}: sends {made.method} {made.path}, and not {method} {path}"
    answer = get_args(get_type_hints(call)["return"])[0]
    schema = _success(operation)
    if "$ref" not in schema:
        if answer not in (str, bytes):
            yield f"{name}: its answer is no JSON, and {answer} is"
    elif answer.__name__ != schema["$ref"].rpartition("/")[2]:
        yield f"{name}: answers {answer.__name__}, and not {schema['$ref']}"


def parameters_of(call: Any) -> Iterator[str]:
    """The names of a function's parameters; those of a TypedDict by themselves."""
    hints = get_type_hints(call)
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            yield from get_type_hints(get_args(hints[name])[0])
        elif name != "file":
            yield name.removesuffix("_")


def sample_call(call: Any) -> Call[Any]:
    needed = [
        name
        for name, parameter in inspect.signature(call).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    made: Call[Any] = call(**{name: SAMPLES.get(name, "x") for name in needed})
    return made


def _parameters(document: Document, operation: Document) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        yield parameter["name"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    for name in _resolved(document, body["schema"])["properties"] if body else ():
        if name == "filter":
            yield from document["components"]["schemas"]["SearchFilter"]["properties"]
        else:
            yield name


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" in schema:
        found: Document = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _success(operation: Document) -> Document:
    contents = operation["responses"]["200"]["content"]
    schema: Document = (contents.get("application/json") or next(iter(contents.values())))["schema"]
    return schema


def _answers(document: Document) -> Iterator[str]:
    """Compare each schema that a successful response leads to."""
    wanted = {_success(operation).get("$ref") for *_, operation in _operations(document)} - {None}
    seen: set[str] = set()
    while wanted - seen:
        reference = sorted(wanted - seen)[0]
        seen.add(reference)
        name = reference.rpartition("/")[2]
        wanted |= set(
            re.findall(r"#/components/schemas/\w+", str(document["components"]["schemas"][name]))
        )
        mine = getattr(answers, name, None)
        if mine is None:
            yield f"{name}: no class in soundalike/client/answers.py"
        else:
            yield from _fields(mine, name, document)


def _fields(mine: type, name: str, document: Document) -> Iterator[str]:
    template = "#/components/schemas/{model}"
    told = TypeAdapter(mine).json_schema(ref_template=template, mode="serialization")
    theirs, own = document["components"]["schemas"][name]["properties"], told["properties"]
    yield from (f"{name}: no field {each}" for each in sorted(theirs.keys() - own.keys()))
    yield from (f"{name}: field {each} is none" for each in sorted(own.keys() - theirs.keys()))
    for each in sorted(theirs.keys() & own.keys()):
        if shape(own[each]) != shape(theirs[each]):
            yield f"{name}.{each}: is {shape(own[each])}, and not {shape(theirs[each])}"


def shape(schema: Any) -> Any:
    """The part of a schema that a type can say."""
    if isinstance(schema, list):
        return [shape(each) for each in schema]
    if not isinstance(schema, Mapping):
        return OTHER_NAMES.get(str(schema).rpartition("/")[2], str(schema).rpartition("/")[2])
    return {name: shape(schema[name]) for name in SAID if name in schema}


def _statuses(document: Document) -> Iterator[str]:
    told = {int(s) for *_, operation in _operations(document) for s in operation["responses"]}
    for status in sorted(told - ProblemError.statuses.keys() - NO_PROBLEMS):
        yield f"status {status}: no class in soundalike/client/problems.py"

"""Invalid fields: the first problems of a validation, each once, without the client's values."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from serving.limits import MAX_FIELD_PROBLEMS, MAX_SHOWN_NAME
from serving.schemas.problems import FieldProblem
from serving.schemas.strict import UNKNOWN_FIELDS


def field_problems(issues: Sequence[Mapping[str, Any]]) -> tuple[list[FieldProblem], int]:
    """Convert the first issues of pydantic, each once; returns them and the number of others."""
    problems = list(dict.fromkeys(map(_field_problem, chain.from_iterable(map(_each, issues)))))
    unnamed = sum(issue["ctx"]["more"] for issue in issues if issue["type"] == UNKNOWN_FIELDS)
    return problems[:MAX_FIELD_PROBLEMS], unnamed + max(0, len(problems) - MAX_FIELD_PROBLEMS)


def _each(issue: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Split an issue about many unknown fields into one for each that it names."""
    if issue["type"] != UNKNOWN_FIELDS:
        return [issue]
    return [{**issue, "loc": (*issue["loc"], name)} for name in issue["ctx"]["names"]]


def in_words(problems: Sequence[FieldProblem], more: int) -> str:
    """Return the problems as one sentence for users."""
    said = "; ".join(_sentence(problem) for problem in problems)
    return f"{said}; and {more} more" if more else said


def _sentence(problem: FieldProblem) -> str:
    field = f" `{problem.field}`" if problem.field else ""
    return f"{problem.location}{field}: {problem.message}"


def _field_problem(issue: Mapping[str, Any]) -> FieldProblem:
    location, *where = issue["loc"]
    message = issue["msg"].removeprefix("Value error, ")
    if location == "body":  # a JSON Pointer, RFC 6901
        parts = (_shown(part).replace("~", "~0").replace("/", "~1") for part in where)
        field = "".join(f"/{part}" for part in parts)
    else:
        field = _shown(where[0]) if where else ""
        if len(where) > 1:
            message = f"value {where[1] + 1}: {message}"
    return FieldProblem(location=location, field=field, message=message)


def _shown(part: str | int) -> str:
    text = str(part)
    return text if len(text) <= MAX_SHOWN_NAME else f"{text[:MAX_SHOWN_NAME]}..."

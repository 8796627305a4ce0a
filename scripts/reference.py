"""The reference pages of the site of documentation, made of the code that they describe."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from prometheus_client.metrics import MetricWrapperBase

from serving.metrics import Metrics
from serving.problems import PROBLEM_TYPES, URN
from serving.schemas.tracks import TrackDetails
from soundalike.audio.tags.fields import FileTags
from soundalike.audio.tags.names import NAMES
from soundalike.settings import Settings
from soundalike.settings.names import SECRETS, file_variable, variable_of

NOTE = "Made of the code when this site was built.\n"
KINDS = {"counter": "counter", "gauge": "gauge", "histogram": "histogram"}
SUFFIX = {"counter": "_total"}
MAX_DEFAULT = 60  # characters; longer ones are told by `soundalike config`


def pages(docs: Path) -> dict[str, str]:
    """Return the pages by name. `docs`: the folder of operations.md, which tells of settings."""
    return {
        "settings.md": settings((docs / "operations.md").read_text()),
        "metadata.md": metadata(),
        "metrics.md": metrics(),
        "problems.md": problems(),
    }


def settings(operations: str) -> str:
    """Return the page of the settings; what each does is what operations.md says."""
    schema = Settings.model_json_schema(by_alias=False)["properties"]
    meanings = _meanings(operations)
    rows = [
        (
            f"`{variable_of(name)}`" + (f"<br>`{file_variable(name)}`" if name in SECRETS else ""),
            allowed(schema[name]),
            _default(schema[name]) or meanings.get(variable_of(name), ("", ""))[0],
            meanings.get(variable_of(name), ("", ""))[1],
        )
        for name in Settings.model_fields
    ]
    keys = "The keys of `soundalike.toml` are the names in lower case without `SOUNDALIKE_`.\n"
    head = ("variable", "values", "default", "")
    return f"# Settings\n\n{NOTE}{keys}\n{table(head, rows)}"


def _meanings(operations: str) -> dict[str, tuple[str, str]]:
    """The default and the meaning in the table of settings, by each variable of a row."""
    table_of = operations.partition("\n## Settings\n")[2].partition("\n### ")[0]
    table_of = table_of.replace("](#", "](../operations.md#")
    table_of = re.sub(r"\]\((?=\w+\.md)", "](../", table_of)
    rows = re.findall(r"^\| (`[A-Z].*?) \| (.*?) \| (.*) \|$", table_of, re.MULTILINE)
    return {
        name: (default, meaning)
        for names, default, meaning in rows
        for name in re.findall(r"`(\w+)`", names)
    }


def allowed(schema: dict[str, Any]) -> str:
    """Say in words what values a field takes, from its JSON schema."""
    if "anyOf" in schema:
        return ", ".join(each for each in map(allowed, schema["anyOf"]) if each != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("format") or schema.get("type", "")
    bounds = [
        f"{words} {schema[key]}"
        for key, words in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
        )
        if key in schema
    ]
    return " ".join(
        [{"array": "list", "object": "pairs", "string": "text"}.get(kind, kind), *bounds]
    )


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    text = ", ".join(map(str, default)) if isinstance(default, list) else json.dumps(default)
    if default in (None, [], float("inf")) or len(text) > MAX_DEFAULT:
        return ""
    return f"`{text.strip(chr(34))}`"


def metrics() -> str:
    """Return the page of the metrics."""
    found = [each for each in vars(Metrics()).values() if isinstance(each, MetricWrapperBase)]
    rows = []
    for metric in found:
        family = metric.describe()[0]
        name = f"`{family.name}{SUFFIX.get(family.type, '')}`"
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        rows.append((name, KINDS[family.type], labels, family.documentation))
    return f"# Metrics\n\n{NOTE}\n{table(('metric', 'kind', 'labels', ''), rows)}"


def problems() -> str:
    """Return the page of the types of problems."""
    rows = [
        (f"`{URN}{name}`", str(kind.status), kind.meaning) for name, kind in PROBLEM_TYPES.items()
    ]
    return f"# Types of problems\n\n{NOTE}\n{table(('type', 'status', 'meaning'), rows)}"


def metadata() -> str:
    """Return the page of what the API tells of a track, and of the tags that it is read from."""
    told = [
        (f"`{name}`", _type(field.annotation), field.description or "")
        for name, field in TrackDetails.model_fields.items()
    ]
    read = [
        (f"`{name}`", ", ".join(f"`{each}`" for each in NAMES.get(name, ())))
        for name in FileTags.__dataclass_fields__
        if name in NAMES
    ]
    return (
        f"# Metadata of tracks\n\n{NOTE}\n## What the API tells\n\n"
        f"{table(('field', 'type', ''), told)}\n## Where it is read from\n\n"
        "Names of tags, as letters and digits only. [How they are merged](../library.md).\n\n"
        f"{table(('field', 'names in the file'), read)}"
    )


def _type(annotation: Any) -> str:  # noqa: ANN401 - any type's annotation
    """Name a type as people do: `str | None` is text, or null."""
    parts = [each for each in get_args(annotation) if each is not type(None)]
    if get_origin(annotation) in {list, dict}:
        return "list" if get_origin(annotation) is list else "object"
    if parts and type(None) in get_args(annotation):
        return f"{_type(parts[0])} or null"
    names = {str: "text", int: "integer", float: "number"}
    return names.get(annotation, getattr(annotation, "__name__", ""))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

"""docker-compose.yml and the Dockerfile as the tests of this folder read them."""

import re
from typing import Any

import yaml

from soundalike.settings import Settings
from soundalike.settings.names import SECRETS, file_variable, variable_of
from tests.source import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
FOREIGN = {"postgres", "prometheus", "grafana", "milvus"}  # images of others


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return read


def ours() -> dict[str, Any]:
    """The services that run soundalike's image."""
    return {name: one for name, one in compose()["services"].items() if name not in FOREIGN}


def variables() -> set[str]:
    """The variable of every setting; a secret's is the one that names its file."""
    return {
        file_variable(name) if name in SECRETS else variable_of(name)
        for name in Settings.model_fields
    }


def image_environment() -> dict[str, str]:
    """What the Dockerfile's ENV lines of the stage `base` set."""
    base = DOCKERFILE.partition(" AS base\n")[2].partition("\nFROM ")[0]
    block = re.sub(r"\\\n\s*", " ", base)
    lines = re.findall(r"^ENV (.*)$", block, re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.split())

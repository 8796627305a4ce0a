"""The manifests of deploy/k8s as the tests of this folder read them, and programs for them."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.source import REPOSITORY

MANIFESTS = REPOSITORY / "deploy" / "k8s"
BASE = MANIFESTS / "base"
OVERLAYS = sorted(folder.name for folder in (MANIFESTS / "overlays").iterdir())
TOOLS = REPOSITORY / ".cache" / "kubernetes"


def tool(name: str) -> str:
    """A program that checks manifests, installed by make."""
    subprocess.run(["make", "--silent", ".cache/kubernetes/.installed"], cwd=REPOSITORY, check=True)
    return str(TOOLS / "bin" / name)


@cache
def rendered(folder: str) -> str:
    """What kustomize makes of a folder of deploy/k8s. Raises CalledProcessError."""
    command = [tool("kubectl"), "kustomize", str(MANIFESTS / folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def documents(*texts: str) -> list[dict[str, Any]]:
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def base() -> list[dict[str, Any]]:
    """The base's objects as they are written, without what kustomize generates."""
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    return documents(*((BASE / name).read_text() for name in listed))


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The spec of the Pods of every workload, by its name."""
    workloads = ("Deployment", "Job", "StatefulSet")
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in workloads
    }


def instance() -> dict[str, Any]:
    """The cluster's dagster.yaml."""
    read: dict[str, Any] = yaml.safe_load((BASE / "instance" / "dagster.yaml").read_text())
    return read


def camel(value: Any) -> Any:
    """Kubernetes' own names of keys; dagster-k8s writes `volume_mounts`."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {_camel(key): camel(each) for key, each in value.items()}


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.title() for word in rest)


def files() -> Iterator[Path]:
    yield from sorted(MANIFESTS.rglob("*.yaml"))

"""The PromQL of the dashboard and of the alerts, and which metrics it names."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.source import REPOSITORY

MONITORING = REPOSITORY / "deploy" / "monitoring"
DASHBOARD = MONITORING / "grafana" / "dashboard.json"
ALERTS = MONITORING / "alerts.yml"
SELECTOR = re.compile(r"\b(soundalike_\w+)(?:\{([^}]*)\})?")


def dashboard() -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return shown


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    """Every query of the dashboard, with Grafana's interval filled in, and of the alerts."""
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [text.replace("$__rate_interval", "1m") for text in shown] + [
        rule["expr"] for rule in alerts()
    ]


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric that an expression names, and the labels that it selects by."""
    for name, labels in SELECTOR.findall(expression):
        yield name, set(re.findall(r"(\w+) *(?:=|!)", labels))


def metrics_named() -> set[str]:
    return {name for expression in expressions() for name, _ in selectors(expression)}

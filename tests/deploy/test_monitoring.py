"""A dashboard or an alert about a metric that does not exist is silent for ever."""

import re

import yaml

from serving.metrics import Metrics
from tests.deploy.queries import (
    MONITORING,
    SELECTOR,
    alerts,
    dashboard,
    expressions,
    metrics_named,
    panels,
    selectors,
)

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def exported() -> dict[str, set[str]]:
    """The series that the service exports, each with its labels."""
    metrics = {name: m for name, m in vars(Metrics()).items() if hasattr(m, "describe")}
    families = [(m.describe()[0], set(m._labelnames)) for m in metrics.values()]
    return {
        f"{family.name}{suffix}": labels | ({"le"} if suffix == "_bucket" else set())
        for family, labels in families
        for suffix in SUFFIXES[family.type]
    }


def test_every_metric_and_label_that_is_asked_for_is_exported() -> None:
    known = exported()
    assert len(expressions()) > 30
    asked = [pair for expression in expressions() for pair in selectors(expression)]
    assert {name for name, _ in asked} - known.keys() == set()
    assert [(name, labels) for name, labels in asked if not labels <= known[name]] == []


def test_every_label_that_is_grouped_by_is_one_of_a_metric_beside_it() -> None:
    known, grouped = exported(), 0
    for expression in expressions():
        labels = {"instance"}.union(*(known[name] for name, _ in SELECTOR.findall(expression)))
        for group in re.findall(r"\b(?:by|on) *\(([^)]*)\)", expression):
            grouped += 1
            assert {label.strip() for label in group.split(",")} <= labels, expression
    assert grouped > 10


def test_nothing_that_is_exported_is_left_out_of_sight() -> None:
    seen = metrics_named()
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()}
    assert len(families) > 15
    unseen = [name for name in families if not any(each.startswith(name) for each in seen)]
    assert unseen == []


def test_the_dashboard_reads_one_datasource_which_its_reader_chooses() -> None:
    shown = dashboard()
    [variable] = shown["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    sources = [panel["datasource"] for panel in panels()]
    sources += [target["datasource"] for panel in panels() for target in panel["targets"]]
    sources += [each["datasource"] for each in shown["annotations"]["list"]]
    assert len(sources) > 30
    assert [source for source in sources if source != DATASOURCE] == []
    assert re.findall(r"https?://", str(shown)) == []


def test_panels_are_told_apart_and_do_not_overlap() -> None:
    every = dashboard()["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert len({panel["title"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert all(panel["description"] for panel in panels())


def test_every_alert_says_what_to_do_and_has_a_test_of_its_own() -> None:
    tests = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    fired = {
        re.findall(r'alertname="(\w+)"', sample["labels"])[0]
        for test in tests
        for check in test["promql_expr_test"]
        for sample in check["exp_samples"]
    }
    assert len(fired) > 10
    assert {rule["alert"] for rule in alerts()} == fired
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert "instance" in rule["annotations"]["summary"], rule["alert"]

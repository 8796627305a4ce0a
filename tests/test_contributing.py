"""CONTRIBUTING.md must send people to files that exist and name things that are there."""

import re

from soundalike.embedders.registry import BUILT_IN
from soundalike.settings import Settings
from tests.source import REPOSITORY

TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text()
PATH = re.compile(
    r"(?:soundalike|serving|pipelines|tests|benchmarks|docs)/[\w./]+\.(?:py|md)|pyproject\.toml"
)


def section(title: str) -> str:
    return TEXT.partition(f"### {title}\n")[2].partition("\n### ")[0]


def test_every_path_exists() -> None:
    paths = set(PATH.findall(TEXT))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (REPOSITORY / path).is_file()] == []


def test_each_kind_of_addition_says_which_files_to_touch() -> None:
    for title in (
        "A new embedder",
        "A new source of music",
        "A new kind of index",
        "A new route",
        "A new asset, check, job, schedule or sensor",
        "A new setting",
        "A new table or column",
    ):
        assert len(set(PATH.findall(section(title)))) >= 3, title


def test_the_make_targets_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    named = set(re.findall(r"(?:`|^    )make ([a-z][a-z-]*)", TEXT, re.MULTILINE))
    assert {"test", "lint", "format", "test-slow"} <= named
    assert [name for name in sorted(named) if f"\n{name}:" not in makefile] == []


def test_a_new_embedder_touches_what_the_existing_ones_touched() -> None:
    """The settings and the documentation name each model; the registry imports each spec."""
    for path in ("soundalike/settings/model_names.py", "docs/models.md"):
        assert path in section("A new embedder")
        text = (REPOSITORY / path).read_text()
        assert [name for name in BUILT_IN if name not in text] == []
    registry = (REPOSITORY / "soundalike/embedders/registry.py").read_text()
    specs = [file.parent.name for file in (REPOSITORY / "soundalike/embedders").glob("*/spec.py")]
    assert len(specs) > 1
    assert [name for name in specs if f"embedders.{name}.spec import" not in registry] == []


def test_each_route_module_and_asset_is_where_it_says() -> None:
    app = (REPOSITORY / "serving/app.py").read_text()
    routes = {f.stem for f in (REPOSITORY / "serving/routes").glob("*.py")} - {"__init__"}
    assert routes
    assert [name for name in sorted(routes) if f"{name}.router" not in app] == []
    listed = (REPOSITORY / "pipelines/assets/__init__.py").read_text()
    assets = {f.stem for f in (REPOSITORY / "pipelines/assets").glob("*.py")} - {"__init__"}
    assert assets
    assert [name for name in sorted(assets) if f"import {name}" not in listed] == []


def test_each_setting_is_in_the_table_of_operations() -> None:
    table = (REPOSITORY / "docs/operations.md").read_text()
    plain = {"environment", "debug", "log_level", "database_url"}
    names = {n.upper() if n in plain else f"SOUNDALIKE_{n.upper()}" for n in Settings.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in table] == []

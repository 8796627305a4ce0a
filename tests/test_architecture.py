"""docs/architecture.md must show the tree that is there, and the functions that the assets call."""

import importlib
import re

from pipelines.assets import ASSETS
from tests.source import REPOSITORY, files

TEXT = (REPOSITORY / "docs" / "architecture.md").read_text()
ROW = re.compile(r"^\| (?:check )?`(\w+)` \| `([\w/.]+)` \| `(\w+)` \| (.+) \|$", re.MULTILINE)


def tree() -> list[str]:
    """Every path that the tree shows, folders with a slash at the end."""
    block = TEXT.partition("## Packages\n")[2].partition("\n`make lint`")[0]
    paths, parents = [], [""]
    for line in filter(str.strip, block.splitlines()):
        depth = (len(line) - len(line.lstrip()) - 4) // 2
        named = re.match(r"(?:[\w]+(?:\.py|/)(?: |$))+", line.strip())
        assert named, line
        parents[depth + 1 :] = [""]
        for name in named[0].split():
            paths.append("".join(parents[: depth + 1]) + name)
        parents[depth + 1] = named[0].split()[0]
    return paths


def test_every_path_of_the_tree_exists() -> None:
    paths = tree()
    assert len(paths) > 60
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


def test_the_tree_is_complete() -> None:
    """Every module of pipelines and serving is shown, or its folder as a whole; every package."""
    shown = set(tree())
    folders = {path for path in shown if path.endswith("/")}
    leaves = tuple(f for f in folders if not any(o != f and o.startswith(f) for o in shown))
    modules = [str(f.relative_to(REPOSITORY)) for f in files("pipelines", "serving")]
    modules = [path for path in modules if not path.endswith("__init__.py")]
    assert len(modules) > 30
    assert [m for m in modules if m not in shown and not m.startswith(leaves)] == []
    parts = {f.relative_to(REPOSITORY).parts[1] for f in files("soundalike")} - {"__init__.py"}
    assert parts - {path.split("/")[1] for path in shown if path.startswith("soundalike/")} == set()


def test_each_asset_and_check_calls_the_function_that_the_table_names() -> None:
    rows = ROW.findall(TEXT)
    assert {name for name, *_ in rows} >= {asset.key.to_user_string() for asset in ASSETS}
    for _, path, function, statements in rows:
        module = importlib.import_module("soundalike." + path.removesuffix(".py").replace("/", "."))
        assert callable(getattr(module, function)), (path, function)
        named = re.findall(r"`(\w+)\.(\w+)`", statements)
        assert named
        source = (REPOSITORY / "soundalike" / path).read_text()
        for statement_module, statement in named:
            catalog = importlib.import_module(f"soundalike.catalog.{statement_module}")
            assert callable(getattr(catalog, statement)), statement
            assert statement in source, f"{path} does not use {statement}"


def test_each_layer_is_a_contract() -> None:
    contract = (REPOSITORY / "pyproject.toml").read_text()
    picture = TEXT.partition("flowchart TB\n")[2].partition("```")[0]
    names = set(re.findall(r"\b[a-z]+\b", picture)) - {"settings", "sampling", "progress"}
    assert len(names) > 8
    assert [name for name in sorted(names) if name not in contract] == []

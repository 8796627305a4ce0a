"""torch, transformers, faiss and pandas are loaded by the ban list's folders, and by no other."""

import subprocess
import sys
import tomllib
from importlib.util import find_spec

import pytest

from tests.source import PACKAGES, REPOSITORY, files

HEAVY = ("torch", "transformers", "faiss", "pandas")
EXTRAS = {"pipelines.ray_launcher": "dagster_ray"}  # modules of an extra, which few have installed


def banned() -> list[str]:
    """What ruff forbids to import at the top of a module: the libraries and our own folders."""
    ruff = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    names: list[str] = ruff["flake8-tidy-imports"]["banned-module-level-imports"]
    return names


def modules() -> list[str]:
    """Every module that can be imported here, outside of those folders, by its dotted name."""
    dotted = (".".join(f.relative_to(REPOSITORY).with_suffix("").parts) for f in files(*PACKAGES))
    names = [name.removesuffix(".__init__") for name in dotted]
    absent = {name for name, library in EXTRAS.items() if find_spec(library) is None}
    folders = (*absent, *(name for name in banned() if name not in HEAVY))
    return [n for n in names if not any(n == f or n.startswith(f"{f}.") for f in folders)]


def test_the_ban_list_names_the_libraries_and_folders_of_ours() -> None:
    folders = [name for name in banned() if name not in HEAVY]
    assert set(HEAVY) <= set(banned())
    assert folders
    assert [f for f in folders if not (REPOSITORY / f.replace(".", "/")).is_dir()] == []


@pytest.mark.slow
def test_neither_another_module_nor_the_definitions_load_them() -> None:
    names = modules()
    assert len(names) > 100
    program = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]\n"
        "    assert not loaded, f'{name} loads {loaded}'\n"
        "from pipelines.definitions import defs\n"
        "defs()\n"
        f"assert not [heavy for heavy in {HEAVY!r} if heavy in sys.modules], 'defs() loads it'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_domain_reads_no_ambient_settings() -> None:
    """Stages and statements are functions of their arguments; commands read the settings."""
    domain = [file for file in files("soundalike") if "cli" not in file.parent.parts]
    readers = [
        f for f in domain if "load_settings" in f.read_text() and f.parent.name != "settings"
    ]
    assert len(domain) > 100
    assert readers == []

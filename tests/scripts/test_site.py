"""The site's reference must have all that the code has, and its links must lead somewhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts import reference, site
from serving.metrics import Metrics
from serving.problems import PROBLEM_TYPES
from soundalike.settings import Settings
from soundalike.settings.names import variable_of
from tests.source import REPOSITORY


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "docs"
    site.main(str(folder))
    return folder


def named_in(page: Path) -> set[str]:
    """What stands as code in the first column of the page's tables."""
    rows = re.findall(r"^\| (.*?) \|", page.read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_setting_metric_and_problem_is_in_the_reference(pages: Path) -> None:
    folder = pages / "reference"
    assert set(map(variable_of, Settings.model_fields)) <= named_in(folder / "settings.md")
    found = [each for each in vars(Metrics()).values() if hasattr(each, "describe")]
    families = {each.describe()[0].name for each in found}
    assert len(families) > 15
    assert {name.removesuffix("_total") for name in named_in(folder / "metrics.md")} == families
    assert {name.rpartition(":")[2] for name in named_in(folder / "problems.md")} == set(
        PROBLEM_TYPES
    )
    assert {"isrcs", "file_tags", "duration"} <= named_in(folder / "metadata.md")


def test_a_setting_says_its_bounds_its_default_and_what_it_does(pages: Path) -> None:
    text = (pages / "reference" / "settings.md").read_text()
    assert "| `SOUNDALIKE_WORKERS` | integer from 1 to 64 | `2` | API processes" in text
    assert "| `SOUNDALIKE_DATA` | path | `~/.local/share/soundalike` | the data root" in text
    assert "`SOUNDALIKE_API_KEY_FILE`" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer from 1 to 9"),
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
    ],
)
def test_values_are_said_in_words(schema: dict[str, object], said: str) -> None:
    assert reference.allowed(schema) == said


def test_every_page_is_in_the_navigation(pages: Path) -> None:
    text = (REPOSITORY / "mkdocs.yml").read_text().partition("\nnav:")[2]
    sections = yaml.safe_load(f"nav:{text}")["nav"]
    listed = [
        page for each in sections for part in each.values() for one in part for page in one.values()
    ]
    assert sorted(listed) == sorted(str(page.relative_to(pages)) for page in pages.rglob("*.md"))


def test_no_link_leads_out_of_the_site(pages: Path) -> None:
    links = [
        (page, link.partition("#")[0])
        for page in pages.rglob("*.md")
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not re.match(r"https?:|#", link)
    ]
    assert len(links) > 60
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


@pytest.mark.slow
def test_the_site_is_built_and_an_anchor_that_is_gone_is_noticed(
    pages: Path, tmp_path: Path
) -> None:
    subprocess.run(["make", "--silent", ".cache/site/.installed"], cwd=REPOSITORY, check=True)
    shutil.copytree(pages, tmp_path / "build" / "docs")
    shutil.copy(REPOSITORY / "mkdocs.yml", tmp_path)
    built = mkdocs(tmp_path)
    assert built.returncode == 0, built.stderr
    for name in ("index.html", "reference/settings.html", "images/page.png", "NOTICE.txt"):
        assert (tmp_path / "build" / "site" / name).is_file(), name
    with (tmp_path / "build" / "docs" / "page.md").open("a") as page:
        page.write("\n[gone](operations.md#no-such-heading)\n")
    refused = mkdocs(tmp_path)
    assert refused.returncode != 0
    assert "no-such-heading" in refused.stderr


def mkdocs(folder: Path) -> subprocess.CompletedProcess[str]:
    program = REPOSITORY / ".cache" / "site" / "bin" / "mkdocs"
    return subprocess.run(
        [program, "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False
    )

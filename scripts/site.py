"""Gathers the pages of the site of documentation, for mkdocs.yml: `make docs`.

    python scripts/site.py build/docs

They are docs/*.md as they are, README, CONTRIBUTING and CHANGELOG, and the reference that is made
of the code. Only links change: on a code host README.md lies above the folder docs.
"""

import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts import reference

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
EXAMPLE = "examples/mfcc-embedder"
CSS = """
.md-grid { max-width: 80rem; }
.md-typeset td:first-child code { white-space: nowrap; }
"""
LINK = re.compile(r"(\]\()([^)\s]+)(\))")


def main(name: str) -> None:
    """Write all pages into a folder, which is emptied first."""
    folder = Path(name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder)
    for page in folder.glob("*.md"):
        page.write_text(relinked(page.read_text(), "../"))
    for source, page in TOP.items():
        (folder / page).write_text(relinked((ROOT / source).read_text(), "docs/"))
    (folder / "site.css").write_text(CSS)
    for licence in ("LICENSE", "NOTICE"):
        shutil.copy(ROOT / licence, folder / f"{licence}.txt")
    (folder / f"{EXAMPLE}.md").parent.mkdir()
    (folder / f"{EXAMPLE}.md").write_text(example(ROOT / EXAMPLE))
    (folder / "reference").mkdir()
    for page, text in reference.pages(DOCS).items():
        (folder / "reference" / page).write_text(text)


def relinked(text: str, prefix: str) -> str:
    """Return a page with its links as they are from the site's own folder."""

    def target(match: re.Match[str]) -> str:
        place, hash_, anchor = match[2].removeprefix(prefix).partition("#")
        moved = {"README.md": "index.md", EXAMPLE: f"{EXAMPLE}.md"}
        if place in {"LICENSE", "NOTICE"}:
            place = f"{place}.txt"
        return f"{match[1]}{moved.get(place, place)}{hash_}{anchor}{match[3]}"

    return LINK.sub(target, text)


def example(folder: Path) -> str:
    """Return the files of an example as a page."""
    files = sorted(file for file in folder.iterdir() if file.suffix in {".py", ".toml"})
    parts = [f"## {file.name}\n\n```{file.suffix[1:]}\n{file.read_text()}```\n" for file in files]
    return "\n".join([f"# {folder.name}\n", *parts])


if __name__ == "__main__":
    main(*sys.argv[1:])

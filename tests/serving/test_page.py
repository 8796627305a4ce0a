"""The page's files: open, whole, under a policy that lets nothing else in."""

import gzip
import re

import httpx
import pytest

from serving.routes.page import WEB

WORKER = {"/web/map/grid.js", "/web/map/worker.js"}  # what only the worker loads
FILES = sorted(f"/web/{each.relative_to(WEB).as_posix()}" for each in WEB.rglob("*.*"))


async def test_every_file_is_served_with_the_policy(offline_api: httpx.AsyncClient) -> None:
    del offline_api.headers["X-API-Key"]
    served = {"/", *FILES} - {"/web/index.html"}
    assert len(served) > 20
    for path in served:
        answer = await offline_api.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        known = {"If-None-Match": f'"other", {answer.headers["etag"]}'}
        again = await offline_api.get(path, headers=known)
        assert (again.status_code, again.content) == (304, b"")


def test_nothing_is_asked_of_another_host() -> None:
    """The only address of another kind is SVG's name."""
    for file in WEB.rglob("*.*"):
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.", re.sub(r"(?m)^\s*//.*|\s// .*", "", text)), file


def test_text_never_becomes_html_and_no_key_is_kept() -> None:
    for file in WEB.rglob("*.js"):
        text = file.read_text()
        for banned in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert banned not in text, file
    assert "localStorage" not in (WEB / "views/key.js").read_text()


@pytest.mark.parametrize("module", [path for path in FILES if path.endswith(".js")])
def test_modules_import_what_is_there(module: str) -> None:
    file = WEB / module.removeprefix("/web/")
    for names, path in re.findall(r'import \{([^}]*)\} from "([^"]+)"', file.read_text()):
        source = (file.parent / path).resolve().read_text()
        for name in re.findall(r"\w+", re.sub(r"(\w+) as \w+", r"\1", names)):
            assert re.search(rf"export (async )?(function|const|class|let) {name}\b", source), name


def test_nothing_is_exported_that_no_module_imports() -> None:
    sources = {file: file.read_text() for file in WEB.rglob("*.js")}
    imported = set(
        re.findall(r"\w+", " ".join(re.findall(r"import \{([^}]*)\}", "".join(sources.values()))))
    )
    exported = re.findall(
        r"export (?:async )?(?:function|const|class|let) (\w+)", "".join(sources.values())
    )
    assert len(exported) > 50
    assert [name for name in exported if name not in imported] == []


def test_every_word_is_said() -> None:
    words = (WEB / "words.js").read_text()
    used = "".join(file.read_text() for file in WEB.rglob("*.js") if file.name != "words.js")
    [sentences] = re.findall(r"export const WORDS = \{\n(.*?)\n\};", words, re.DOTALL)
    names = re.findall(r"(?m)^  (\w+):", sentences)
    assert len(names) > 100
    assert [name for name in names if not re.search(rf"\bWORDS\.{name}\b", used)] == []


def test_modules_are_asked_for_at_once_and_not_one_after_another() -> None:
    named = re.findall(r'(?:href|src)="(web/[^"]+\.js)"', (WEB / "index.html").read_text())
    assert sorted(f"/{name}" for name in named) == [
        each for each in FILES if each.endswith(".js") and each not in WORKER
    ]


def test_the_page_stays_small() -> None:
    """docs/page.md has the budget: what is sent, compressed, and why it is one KiB above 60."""
    scripts = sum(len(gzip.compress(each.read_bytes(), 4)) for each in WEB.rglob("*.js"))
    assert scripts < 61 * 2**10
    assert len(gzip.compress((WEB / "app.css").read_bytes(), 4)) < 10 * 2**10

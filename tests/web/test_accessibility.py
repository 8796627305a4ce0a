"""Axe finds nothing serious, in both themes and at three widths, on each view."""

from typing import Any

import pytest

from .conftest import OpenPage
from .site import Site

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
SERIOUS = {"serious", "critical"}
VIEWS = {
    "": "#rows .row",
    "?t={id}": "#similar .row",
    "?t={id}&not={other}&genre=Fado": ".hidden-by",
    "?from={id}&to={other}": ".way .row",
    "?show=queue": "#sheet h2",
    "?show=state": ".failures li",
    "?q=nothingatall": "#list .foot p",
}


LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (360, 768, 1280)]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing_serious(site: Site, visit: OpenPage, scheme: str, width: int) -> None:
    page = visit(site, width=width, scheme=scheme)
    page.locator("#rows .row").first.wait_for()
    first, other = page.evaluate(
        "[...document.querySelectorAll('#rows [data-open]')].slice(0, 2).map(e => e.dataset.open)"
    )
    found: list[Any] = []
    passed = 0
    for view, ready in VIEWS.items():
        page.goto(site.url + view.format(id=first, other=other))
        page.locator(ready).first.wait_for()
        page.wait_for_timeout(300)  # colours change over that
        response = axe.Axe().run(page).response
        passed += len(response["passes"])
        for each in response["violations"]:
            if each["impact"] in SERIOUS:
                found += [(view, each["id"], node["html"][:120]) for node in each["nodes"]]
    assert found == []
    assert passed > 100, "rules that were looked at"

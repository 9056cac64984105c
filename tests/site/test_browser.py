"""The status site in a real browser, from a real web server."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By

from harness.chromium import window
from harness.waiting import eventually
from mlgitops.site.serve import server
from tests.report.chromium import find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import ThreadingHTTPServer
    from pathlib import Path

    from harness.chromium import Window
    from tests.team import Team

PAGES = ("index.html", "models/wind.html", "changes.html", "index.html?q=WIN&state=in+sync")
ROWS = "return [...document.querySelectorAll('#rows tbody tr')].map((row) => row.innerText)"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder."""
    made: ThreadingHTTPServer = server(folder, 0)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}/"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def found(shown: Window) -> str:
    """What the page says of its search."""
    return shown.chrome.find_element(By.ID, "found").text


def rows(shown: Window) -> list[str]:
    """The lines of the table, all of one moment: the page's script may replace them."""
    return [" ".join(row.split()) for row in shown.chrome.execute_script(ROWS)]


def test_pages_in_chromium(told: Team) -> None:
    """They fit phones, complain of nothing, and axe-core finds nothing, in the light or dark."""
    find()
    told.ok("site", "public")
    with served(told.folder / "public") as site, window(told.folder / "profile") as shown:
        for scheme in ("light", "dark"):
            for width in (390, 1280):
                for page in PAGES:
                    shown.open_url(site + page, width=width, scheme=scheme)
                    if "?" in page:
                        eventually(lambda: len(rows(shown)) == 2, within=20)
                    assert shown.violations() == [], (page, width, scheme)
                    assert shown.width() == width
        assert shown.complaints() == []


def test_search_finds_models_and_days(told: Team) -> None:
    """By a part of a name and a state, and what each stage held on a day; a link says what."""
    find()
    told.ok("site", "public")
    days = json.loads((told.folder / "public" / "days.json").read_text())
    day = next(
        one["since"][:10] for one in days if one["stage"] == "Production" and not one["until"]
    )
    with served(told.folder / "public") as site, window(told.folder / "profile") as shown:
        shown.open_url(f"{site}index.html?q=WAV&state=unmanaged", width=1280)
        eventually(lambda: len(rows(shown)) == 1, within=20)
        assert rows(shown)[0].startswith("waves Production 1 unmanaged")
        assert "UTC" not in rows(shown)[0]  # nobody knows since when
        shown.open_url(f"{site}index.html?at={day}&stage=Production", width=1280)
        eventually(lambda: len(rows(shown)) == 1, within=20)
        assert rows(shown)[0].startswith(f"wind Production 1 {day}")
        assert "UTC grace" in rows(shown)[0]
        shown.open_url(f"{site}index.html?at=2001-01-01", width=1280)
        eventually(lambda: "first known version came" in found(shown), within=20)
        shown.open_url(f"{site}index.html?at={day}&stage=Production", width=1280)
        eventually(lambda: len(rows(shown)) == 1, within=20)
        shown.chrome.find_element(By.CSS_SELECTOR, "#rows a").click()
        assert shown.chrome.current_url == f"{site}models/wind.html"

"""A headless Chromium: it opens a page and tells what that loads and complains of."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_core_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

# Chrome first: a driver on a machine that has both is Chrome's
BROWSERS = ("google-chrome", "chromium", "chromium-browser")
AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
RUN = "axe.run().then((found) => arguments[0](found.violations.map((one) => one.id)))"
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",  # they take room on a desktop and none on a phone
)


def installed() -> tuple[str, str]:
    """The browser and its driver.

    Raises:
        FileNotFoundError: one of them is missing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    raise FileNotFoundError(f"no {'chromedriver' if browser else 'Chromium'} on PATH")


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window of the browser."""

    chrome: Chrome

    def open(self, page: Path, *, width: int, script: bool) -> None:
        """Open a file in a window of this width, with or without JavaScript."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self._tell("Emulation.setDeviceMetricsOverride", **size)
        self._tell("Emulation.setScriptExecutionDisabled", value=not script)
        self.chrome.get(page.as_uri())

    def open_url(self, address: str, *, width: int, scheme: str = "light") -> None:
        """Open a page of a server in a window of this width, light or dark."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self._tell("Emulation.setDeviceMetricsOverride", **size)
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self._tell("Emulation.setEmulatedMedia", features=wanted)
        self.chrome.get(address)

    def width(self) -> float:
        """How wide the page is: wider than its window if it must be scrolled."""
        return float(self._tell("Page.getLayoutMetrics")["cssContentSize"]["width"])

    def requested(self) -> list[str]:
        """The addresses that pages asked for since the last call; not those of its own new tab."""
        entries = [json.loads(one["message"])["message"] for one in self._log("performance")]
        sent = [one["params"] for one in entries if one["method"] == "Network.requestWillBeSent"]
        own = "chrome://"
        return [s["request"]["url"] for s in sent if not s["documentURL"].startswith(own)]

    def complaints(self) -> list[str]:
        """What the console says since the last call."""
        return [one["message"] for one in self._log("browser")]

    def violations(self) -> list[str]:
        """What axe-core has against the page that is open."""
        self.chrome.execute_script(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.chrome.execute_async_script(RUN)
        return found

    def _log(self, kind: str) -> list[dict[str, Any]]:
        return self.chrome.get_log(kind)  # type: ignore[no-any-return,no-untyped-call]

    def _tell(self, command: str, **parameters: object) -> dict[str, Any]:
        answer: dict[str, Any] = self.chrome.execute_cdp_cmd(command, parameters)
        return answer


@contextmanager
def window(folder: Path) -> Iterator[Window]:
    """A browser with an empty profile in a folder; it ends with the context.

    Raises:
        FileNotFoundError: there is no browser, or no driver for it.
    """
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    browser, driver = installed()
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (*ARGUMENTS, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield Window(chrome=chrome)
    finally:
        chrome.quit()

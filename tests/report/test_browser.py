"""The page of a real promotion in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.chromium import window
from mlgitops.report import html
from tests.report import made
from tests.report.chromium import find

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

TITLES = {
    *("Actual and predicted", "Residuals: predicted minus actual"),
    *("How far predictions move", "Metrics from version to version"),
    "Where it is worse and better",
}


def test_a_plan_of_several_changes_in_chromium(tmp_path: Path) -> None:
    """Its page fits a phone, and axe-core finds nothing in it, in the light or dark."""
    find()
    page = tmp_path / "plan.html"
    page.write_text("".join(html.plan(made.two_changes())), encoding="utf-8")
    with window(tmp_path / "profile") as shown:
        for scheme in ("light", "dark"):
            for width in (390, 1280):
                shown.open_url(page.as_uri(), width=width, scheme=scheme)
                assert shown.violations() == [], (width, scheme)
                assert shown.width() == width


@pytest.mark.xdist_group("farm")
def test_the_page_of_a_promotion_in_chromium(farm: Team) -> None:
    """It asks for nothing but itself, complains of nothing, needs no script and fits a phone."""
    from selenium.webdriver.common.by import By

    find()
    wind = "models: {power-forecasting-model: {stages: {Production: %s}}}"
    farm.write(wind % 1)
    farm.ok("apply")
    farm.write(wind % 2)
    farm.ok("report")
    page = farm.folder / "report.html"

    with window(farm.folder / "profile") as shown:
        shown.requested()
        for width in (1280, 390):
            shown.open(page, width=width, script=True)
            assert shown.requested() == [page.as_uri()]
            assert shown.complaints() == []
            assert shown.width() == width

        shown.open(page, width=390, script=False)
        (heading,) = shown.chrome.find_elements(By.TAG_NAME, "h1")
        assert heading.text == "Plan: 1 change in 1 model; 1 stage managed."
        rows = [row.text for row in shown.chrome.find_elements(By.CSS_SELECTOR, "tbody tr")]
        assert any(row.startswith("test_mae") and "✓ better" in row for row in rows)
        assert any(
            "held-out rows of" in p.text for p in shown.chrome.find_elements(By.TAG_NAME, "p")
        )
        cut = [
            box.get_attribute("aria-label")
            for box in shown.chrome.find_elements(By.CSS_SELECTOR, ".scroll")
            if int(box.get_property("scrollWidth")) > int(box.get_property("clientWidth"))  # type: ignore[arg-type]
        ]
        assert cut == []  # wide tables are lists
        figures = shown.chrome.find_elements(By.TAG_NAME, "figure")
        assert {figure.find_element(By.TAG_NAME, "figcaption").text for figure in figures} == TITLES
        for figure in figures:
            picture = figure.find_element(By.TAG_NAME, "svg")
            assert 300 < picture.size["width"] <= 390
            assert picture.size["height"] > 100
            assert "version 1" in picture.get_attribute("aria-label")  # type: ignore[operator]

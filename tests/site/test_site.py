"""The status site, made by `mlgitops site` from a real registry and a real repository."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from mlgitops.site import cards
from tests.history.test_stays import commit, git
from tests.site.conftest import FILE, SOAK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

WIND = "power-forecasting-model"
ATOM = "{http://www.w3.org/2005/Atom}"


class Links(HTMLParser):
    """The addresses that a page names."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(
        self,
        tag: str,  # noqa: ARG002 - its form there
        attrs: list[tuple[str, str | None]],
    ) -> None:
        """Keep what a link or a script names."""
        self.found |= {value for key, value in attrs if key in ("href", "src") and value}


def links_of(site: Path) -> set[Path]:
    """The files that pages of a site link to."""
    found = set()
    for page in site.rglob("*.html"):
        for link in Links(page).found:
            parts = urlsplit(link)
            if parts.path and not parts.scheme:
                found.add((page.parent / unquote(parts.path)).resolve())
    return found


def test_the_front_page_tells_what_needs_somebody(told: Team) -> None:
    """What soaks, and until when, what is blocked and held, and each stage with its version."""
    told.ok("site", "public")
    page = (told.folder / "public" / "index.html").read_text()
    assert re.search(r"soaking</span>.*wind Production</a>: version 3 has been in Staging", page)
    assert re.search(r"blocked</span>.*waves Production</a>: version 1: it drowned", page)
    assert 'href="models/wind.html"' in page
    rows = json.loads((told.folder / "public" / "stages.json").read_text())
    assert [(r["model"], r["stage"], r["version"], r["state"]) for r in rows] == [
        ("wind", "Staging", 3, "in sync"),
        ("wind", "Production", 1, "in sync"),
        ("waves", "Production", 1, "unmanaged"),
    ]


def test_a_page_of_a_model_tells_its_history(told: Team) -> None:
    """Who held a stage when, that somebody went back, and what the registry says is only text."""
    told.ok("site", "public")
    page = (told.folder / "public" / "models" / "wind.html").read_text()
    assert "Daily power &lt;of&gt; the farm" in page
    assert re.search(r"<title>version 1, returned .*, still, by grace</title>", page)
    assert 'load_model("models:/wind@production")' in page.replace("&#34;", '"')
    assert "by grace" in page


def test_the_front_page_tells_what_was_refused_and_which_pins_fail(told: Team) -> None:
    """Why the last apply refused what is asked for; pins are verified if that is asked for."""
    gate, pin = "Production: [{metric: test_mae, max: 0.1}]", "sha256:" + "1" * 64
    told.write(FILE % (gate, f"{{version: 3, digest: '{pin}'}}", 2))
    commit(told, "Promote (#4)", day=4)
    told.run("apply", "--actor", "grace", "--allow", "unmanaged")
    told.ok("site", "public")
    page = (told.folder / "public" / "index.html").read_text()
    assert re.search(
        r"refused</span>.*wind Production</a>: models.yaml: 2; registry: 1; refused at 20.* UTC: "
        r"test_mae max 0.1: expected: at most 0.1; actual: 0.5",
        page,
    )
    assert "failing</span>" not in page
    told.ok("site", "public", "--pins")
    page = (told.folder / "public" / "index.html").read_text()
    assert re.search(r"failing</span>.*wind Staging</a>: .*digest", page)


def test_nobody_is_named_for_what_somebody_moved_by_hand(told: Team) -> None:
    """Not the last one who applied, whose version the stage no longer holds."""
    told.client.set_registered_model_alias("wind", "production", "2")
    told.ok("site", "public")
    page = (told.folder / "public" / "models" / "wind.html").read_text()
    row, *_ = re.findall(r"<th scope=\"row\">Production.*?</tr>", page, re.DOTALL)
    assert "drift" in row
    assert "by grace" not in row
    rows = json.loads((told.folder / "public" / "stages.json").read_text())
    assert [(r["since"], r["by"]) for r in rows if r["state"] == "drift"] == [("", "")]
    assert page.count('<td data-label="until">moved by hand since</td>') == 1
    days = json.loads((told.folder / "public" / "days.json").read_text())
    assert [r["stage"] for r in days if r["moved_since"]] == ["Production"]


def test_a_page_of_a_model_compares_its_versions(team: Team) -> None:
    """Metrics by version, and what is in Staging beside what is in Production."""
    for loss in (0.5, 0.25, float("nan")):
        team.version(metrics={"test_mae": loss}, params={"depth": f"{loss:.2f}", "trees": "10"})
    team.stages(Staging=2, Production=1)
    team.ok("apply", "--allow", "unmanaged")
    team.ok("site", "public")
    page = " ".join((team.folder / "public" / "models" / "wind.html").read_text().split())
    assert 'test_mae <span class="muted">lower is better</span>' in page
    assert "<title>version 2: 0.25, in Staging</title>" in page
    assert "<title>version 3" not in page  # NaN has no place in a picture
    assert re.search(r"version 3</th>.*?data-label=\"test_mae\">nan</td>", page)
    assert re.search(r"-0.25 \(-50.0%\)</td><td><span class=\"better\">", page)
    assert ">depth</th>" in page
    assert ">trees</th>" not in page.partition(">Model cards<")[0]  # of both the same


def test_a_page_of_a_model_shows_units(team: Team) -> None:
    """In charts, tables, the comparison and cards, where models.yaml says them."""
    for loss in (0.5, 0.25):
        team.version(metrics={"test_mae": loss, "test_r2": loss})
    stages = "{Staging: 2, Production: 1}"
    team.write(
        f"version: 2\nmodels: {{wind: {{metrics: {{mae: {{unit: kW}}}}, stages: {stages}}}}}\n"
    )
    team.ok("apply", "--allow", "unmanaged")
    team.ok("site", "public")
    page = (team.folder / "public" / "models" / "wind.html").read_text()
    for place in ("<figcaption>{}", 'class="number">{}<', 'data-label="{}"', 'row">{}</th><td>'):
        assert place.format("test_mae (kW)") in page
        assert place.format("test_r2") in page


def test_a_parameter_of_one_version_alone_has_no_other_value(team: Team) -> None:
    """Two estimators have different parameters; a dash stands for what one does not have."""
    team.version(metrics={"test_mae": 1.0}, params={"tol": "0.1"})
    team.version(metrics={"test_mae": 0.5}, params={"depth": "7"})
    team.stages(Staging=2, Production=1)
    team.ok("apply", "--allow", "unmanaged")
    team.ok("site", "public")
    page = (team.folder / "public" / "models" / "wind.html").read_text()
    assert re.search(r">depth</th><td[^>]*>–</td><td[^>]*>7</td>", page)
    assert re.search(r">tol</th><td[^>]*>0.1</td><td[^>]*>–</td>", page)


@pytest.mark.xdist_group("farm")
def test_a_page_of_a_model_has_the_cards_of_what_its_stages_hold(farm: Team) -> None:
    """Recipe, data, metrics, parameters and signature of each, and where signatures differ."""
    farm.stages(WIND, Staging=3, Production=1)
    farm.ok("apply", "--allow", "unmanaged")
    farm.ok("site", "public")
    page = (farm.folder / "public" / "models" / f"{WIND}.html").read_text()
    pair, _, cards = page.partition(">Model cards<")
    columns = r">input {}</th><td[^>]*>{}</td><td[^>]*>{}</td>"
    assert re.search(columns.format("temperature_08", "double", "–"), pair)
    assert "input temperature_00" not in pair  # of both the same
    assert "Breaks callers of Production:</strong> input temperature_08 was removed" in pair
    staging, _, production = cards.partition("<h3>Production: version 1</h3>")
    assert "<h3>Staging: version 3</h3>" in staging
    for card, inputs in ((staging, 4), (production, 9)):
        assert re.search(r">recipe</th><td>\{&#34;params&#34;:.*power_forecasting", card)
        assert re.search(r">test data</th><td>windfarm[^<(]* \([0-9a-f]+\)</td>", card)
        assert re.search(r">test_r2</th><td>0\.\d+</td>", card)
        assert ">fit_intercept</th><td>True</td>" in card
        assert f"<summary>Signature: {inputs + 1}</summary>" in card
    assert "<script" not in cards


def test_a_card_of_a_version_without_its_payload_says_why(team: Team) -> None:
    """All that the run recorded is there, as text; so is that nobody can read the signature."""
    team.version(params={"loss": "<b>squared</b>"})
    team.stages(Production=1)
    team.ok("apply")
    (team.payload(1) / "MLmodel").unlink()
    team.ok("site", "public")
    page = (team.folder / "public" / "models" / "wind.html").read_text()
    assert ">payload</th><td>it has no MLmodel file: its artifacts were deleted" in page
    assert ">loss</th><td>&lt;b&gt;squared&lt;/b&gt;</td>" in page
    assert "<summary>Signature" not in page


def test_cards_beyond_the_limit_have_no_signature(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say what the run recorded, and the build reads no more payloads than the limit."""
    monkeypatch.setattr(cards, "MOST", 1)
    signature = 'signature:\n  inputs: \'[{"type": "double", "name": "wind"}]\'\n'
    for depth in ("3", "7"):
        number = team.version(params={"depth": depth})
        (team.payload(number) / "MLmodel").write_text(f"flavors: {{}}\n{signature}")
    team.stages(Staging=2, Production=1)
    team.ok("apply", "--allow", "unmanaged")
    team.ok("site", "public")
    page = (team.folder / "public" / "models" / "wind.html").read_text()
    assert page.count("<summary>Signature: 1</summary>") == 1
    assert page.count("<summary>Parameters: 1</summary>") == 2


def test_links_lead_to_where_a_stage_is_changed(team: Team) -> None:
    """The line of models.yaml on its host, the workflows, and the commit that was read."""
    team.versions(1)
    team.stages(Production=1)
    head = commit(team, "Start", day=1)
    git(team, "remote", "add", "origin", "git@github.com:acme/farm.git")
    team.ok("apply")
    team.ok("site", "public", "--branch", "trunk")
    found = Links(team.folder / "public" / "models" / "wind.html").found
    host = "https://github.com/acme/farm"
    assert found >= {
        f"{host}/edit/trunk/models.yaml#L4",
        f"{host}/actions/workflows/promote.yml",
        f"{host}/actions/workflows/rollback.yml",
        f"{host}/commit/{head}",
    }


def test_each_apply_has_a_page(told: Team) -> None:
    """What gates said then, from the record that the apply kept."""
    told.ok("site", "public")
    pages = sorted((told.folder / "public" / "applies").glob("*.html"))
    assert len(pages) == 3
    assert any("promoted_from Staging soak 7d" in page.read_text() for page in pages)


def test_what_soaks_is_told_once(told: Team) -> None:
    """Not as refused, too, by the gate that waits for it; and not with times of the last apply."""
    told.write(FILE % (SOAK, 3, 3))
    told.run("apply", "--actor", "grace", "--allow", "unmanaged")
    told.ok("site", "public")
    needs = json.loads((told.folder / "public" / "needs.json").read_text())
    assert [need["kind"] for need in needs if need["stage"] == "Production"] == [
        "blocked",
        "soaking",
    ]


def test_every_link_leads_to_a_file(told: Team) -> None:
    """Of all pages, whatever a model is called."""
    told.version("a model 'x' & <b>?")
    told.client.set_registered_model_alias("a model 'x' & <b>?", "production", "1")
    told.ok("site", "public")
    assert {path for path in links_of(told.folder / "public") if not path.is_file()} == set()


def test_days_tell_what_was_where_then(told: Team) -> None:
    """Each stay of a version has a beginning and an end, in UTC, that a page can search.

    They lie in the order in which models and their stages are shown.
    """
    told.ok("site", "public")
    rows = json.loads((told.folder / "public" / "days.json").read_text())
    places = [(r["model"], r["stage"]) for r in rows]
    assert list(dict.fromkeys(places)) == [("wind", "Staging"), ("wind", "Production")]
    assert [place for place, _ in groupby(places)] == list(dict.fromkeys(places))
    past = [(r["version"], r["until"], r["since"]) for r in rows if r["stage"] == "Production"]
    assert [(version, bool(until)) for version, until, _ in past] == [
        (1, True),
        (2, True),
        (1, False),
    ]
    assert all(since.endswith("+00:00") for _, _, since in past)


def test_the_feed_is_atom(told: Team) -> None:
    """Each change is an entry with an id that stays, and a link to where the site is published."""
    told.ok("site", "public", "--url", "https://acme.example/models")
    ids = []
    for _ in range(2):
        root = ET.parse(told.folder / "public" / "feed.xml").getroot()  # noqa: S314 - ours
        entries = root.findall(f"{ATOM}entry")
        ids.append([entry.findtext(f"{ATOM}id") for entry in entries])
        told.ok("site", "public", "--url", "https://acme.example/models/")
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) == 6
    links = {link.get("href") for link in root.iter(f"{ATOM}link")}
    assert "https://acme.example/models/models/wind.html" in links


def test_what_is_gone_has_no_page(told: Team) -> None:
    """A build removes the pages of what is no more, and nothing that it has not written."""
    told.ok("site", "public")
    mine = told.folder / "public" / "CNAME"
    mine.write_text("models.acme.example\n")
    assert (told.folder / "public" / "models" / "waves.html").exists()
    told.write((FILE % (SOAK, 3, 1)).partition("  waves:")[0])
    told.client.delete_registered_model("waves")
    git(told, "update-ref", "-d", "HEAD")  # no history of it either
    told.ok("site", "public")
    assert not (told.folder / "public" / "models" / "waves.html").exists()
    assert mine.exists()


def test_a_page_that_stays_the_same_is_not_written_anew(told: Team) -> None:
    """Only its footer would differ; read.json tells when everything was read."""
    told.ok("site", "public")
    site = told.folder / "public"
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*.html")}
    read = (site / "read.json").read_text()
    time.sleep(1.1)  # times are in whole seconds
    told.client.set_registered_model_alias("wind", "production", "3")
    told.ok("site", "public")
    after = {path: path.stat().st_mtime_ns for path in site.rglob("*.html")}
    changed = {path.relative_to(site).as_posix() for path in after if before[path] != after[path]}
    assert {"index.html", "models/wind.html"} <= changed
    assert not any(name.startswith("applies/") for name in changed)
    assert (site / "read.json").read_text() != read


def test_another_folder_is_left_alone(told: Team) -> None:
    """A folder that holds something else is refused before anything is read or written."""
    (told.folder / "docs").mkdir()
    (told.folder / "docs" / "notes.txt").write_text("mine")
    ran = told.run("site", "docs")
    assert ran.code != 0
    assert "docs holds other files than a site" in ran.err
    assert [path.name for path in (told.folder / "docs").iterdir()] == ["notes.txt"]

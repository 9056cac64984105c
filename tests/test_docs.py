"""README and docs/: what they name is there, and the commands that they give can be run."""

from __future__ import annotations

import re
from pathlib import Path

import nox
import pytest

import noxfile
from harness import calls, handbook, reference
from harness.handbook import LINK
from mlgitops import errors
from mlgitops.errors import MlgitopsError, applying, deploying, registry
from mlgitops.errors.codes import EXIT_CODES

_BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_each = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@_each
def test_every_command_can_be_run(page: Path) -> None:
    """Each `mlgitops …` names what exists; in a block, it has all that it needs."""
    text = page.read_text(encoding="utf-8")
    found = [(words, True) for words in calls.in_blocks(text)]
    found += [(words, False) for words in calls.in_prose(text)]
    told = {" ".join(words): calls.wrong(words, whole=whole) for words, whole in found}
    assert {call: why for call, why in told.items() if why} == {}


def test_a_command_that_cannot_be_run_is_found() -> None:
    """In blocks and in prose, behind variables and pipes; a placeholder is no mistake."""
    block = "```console\nA=b mlgitops plan --fast | tee x\nmlgitops apply && mlgitops aply\n```\n"
    found = [calls.wrong(words, whole=True) for words in calls.in_blocks(block)]
    assert [bool(why) for why in found] == [True, False, True]
    prose = "`mlgitops promote`, `mlgitops card MODEL [STAGE]`, `mlgitops plan --format yaml`"
    found = [calls.wrong(words, whole=False) for words in calls.in_prose(prose)]
    assert [bool(why) for why in found] == [False, False, True]
    (words,) = calls.in_blocks("```console\nmlgitops promote wind Production\n```\n")
    assert calls.wrong(words, whole=True) == "VERSION is missing"


@_each
def test_every_session_is_there(page: Path) -> None:
    """Each `nox -s NAME` and `noxfile.py -s NAME` is a session of noxfile.py."""
    assert Path(noxfile.__file__).parent == ROOT
    named = re.findall(r"(?:nox|noxfile\.py) -s ([a-z][a-z0-9-]*)", page.read_text("utf-8"))
    assert set(named) <= set(nox.registry.get())


@_each
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each relative link leads to a file that exists, and to a heading that is in it."""
    broken = []
    for name, heading in LINK.findall(page.read_text(encoding="utf-8")):
        target = page if not name else page.parent / name
        if ":" in name:
            continue
        if not target.exists() or (heading and heading[1:] not in _headings(target)):
            broken.append(name + heading)
    assert broken == []


def test_the_handbook_has_what_its_pages_link_to(tmp_path: Path) -> None:
    """Each page of docs/ is in the navigation once; files beside docs/ are copied for links."""
    handbook.write(ROOT, tmp_path)
    pages = tmp_path / "pages"
    for page in pages.rglob("*.md"):
        names = [name for name, _ in LINK.findall(page.read_text(encoding="utf-8"))]
        gone = [n for n in names if ":" not in n and not (page.parent / n).exists()]
        assert gone == [], page
    listed = re.findall(r"[\w./-]+\.md$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(pages)) for page in pages.rglob("*.md"))


def _headings(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set()
    for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", line.strip().lower()).replace(" ", "-")
        number = sum(1 for other in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other))
        found.add(f"{anchor}-{number}" if number else anchor)
    return found


def test_the_reference_is_what_the_code_says() -> None:
    """`nox -s reference` would change nothing."""
    assert set(reference.out_of_date()) == set()


def test_every_exit_code_is_told() -> None:
    """Each class of errors ends with a code that the reference explains."""
    modules = (errors, applying, deploying, registry)
    classes = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    codes = {one.exit_code for one in classes if issubclass(one, MlgitopsError)}
    assert codes <= {one.code for one in EXIT_CODES}


def test_the_front_page_is_short() -> None:
    """A newcomer reads README in one go; its pictures are small."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 250
    pictures = list((ROOT / "docs" / "pictures").glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size < 150_000 for picture in pictures)

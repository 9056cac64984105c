"""Text of others, wherever it is shown: it says what it says, and does nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgitops import words
from mlgitops.core.evidence import Fact
from mlgitops.core.status import StageState, StageStatus
from mlgitops.github import drift
from mlgitops.report import markdown
from mlgitops.report.parts import Code
from mlgitops.system.addresses import shown
from tests.answering import answering
from tests.hostile.rendered import FOUND, Shown
from tests.hostile.runner import executed
from tests.report import made

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.team import Team

ACTIVE = {
    "mention": "ask @octocat now",
    "team": "@octo/cats",
    "escaped mention": r"\@octocat",
    "e-mail": "octocat@example.org",
    "mailto": "mailto:octocat@example.org",
    "issue": "fixes #1",
    "escaped issue": r"\#1",
    "issue elsewhere": "octo/cat#1",
    "GH": "GH-26 and gh-26",
    "commit": "a5c3785ed8d6a35868bc169f07e40e889087fd2e",
    "short commit": "a5c3785",
    "commit of somebody": "octo@a5c3785ed8d6a35868bc169f07e40e889087fd2e",
    "commit elsewhere": "octo/cat@a5c3785",
    "address": "https://github.com/octo/cat/issues/1",
    "address of files": "ftp://example.org",
    "www": "www.example.org",
    "emoji": ":tada: :+1:",
    "formula": "$x$ and $$y$$ and $`z`$",
    "link": "[x](https://example.org)",
    "reference": "[x]: https://example.org",
    "image": "![x](https://example.org/x.png)",
    "autolink": "<https://example.org>",
    "tag": "<img src=x onerror=alert(1)><script>",
    "comment": "<!-- mlgitops:plan -->",
    "entity": "&lt;b&gt; &copy; &#64;octocat",
    "code": "`a` ``b`` a5c3785`",
    "many backticks": "`" * 100,
    "row": "a | b |",
    "lines": "a\n\n# b\r\n- c\u2028d",
    "list": "- a",
    "number": "1. a",
    "numbers": "2026) a",
    "rule": "---",
    "quote": "> a",
    "note": "> [!CAUTION]",
    "fence": "```suggestion",
    "task": "- [x] a",
    "strikethrough": "~~a~~",
    "footnote": "[^1]",
    "emphasis": "*a* __b__",
    "end of cell": "a\\",
    "end of summary": "</summary></details>",
    "directions": "a\u202eb\u200bc",
    "digits": "0.30000000000000004 12345678",
}
PLACES: dict[str, tuple[Callable[[str], str], list[str]]] = {
    "block": (markdown.block, ["p"]),
    "heading": (lambda text: f"# {markdown.escaped(text)}", ["h1"]),
    "bold": (lambda text: f"**{markdown.escaped(text) or 'x'}**", ["p", "strong"]),
    "cell": (
        lambda text: markdown.table([text], [[text]]),
        ["table", "thead", "tr", "th", "tbody", "tr", "td"],
    ),
    "code cell": (
        lambda text: markdown.table([""], [[Code(text)]]),
        ["table", "thead", "tr", "th", "tbody", "tr", "td"],
    ),
    "summary": (lambda text: markdown.details(text, "x"), ["details", "summary", "p"]),
}
OURS = ["code", "span"]


def check(text: str, place: str) -> None:
    """A text in a place is what it says, and nothing else."""
    write, tags = PLACES[place]
    page = Shown(write(text))
    said = " ".join(words.plain(text).split())
    assert not page.active
    assert not page.comments
    assert [tag for tag in page.tags if tag not in OURS] == (
        tags if said else [*tags][: len(page.tags)]
    )
    times, more = (2, "") if place == "cell" else (1, " x" if place == "summary" else "")
    if said or place == "summary":
        assert page.text == (" ".join([said] * times) + more).strip()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ACTIVE)
def test_what_github_would_make_something_of(kind: str, place: str) -> None:
    """No link, mention, reference or markup comes of it, and it reads as it was written."""
    check(ACTIVE[kind], place)


PIECES = st.one_of(
    st.sampled_from(
        (
            *(
                "@",
                "#",
                "1",
                "GH-",
                "://",
                "http",
                "www.",
                "a",
                "abcdef1",
                "`",
                "``",
                "|",
                "\\",
                "$",
            ),
            *(" ", "\n", ".", "/", "-", "_", "*", "~", "<", ">", "&", ";", "[", "]", "(", ")", "!"),
            *(":", "x.org", "mailto:", "&#64;", "<!--", "-->", "\u200b", "é", "+"),
        )
    ),
    st.text(max_size=3),
)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(PIECES, max_size=10))
def test_whatever_text_others_write(pieces: list[str], place: str) -> None:
    """The same, of anything."""
    text = "".join(pieces)
    if shown(text) == text:  # the login of an address is taken out
        check(text, place)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=10).map("".join))
def test_a_title_names_nobody(text: str) -> None:
    """Titles become messages of commits, where GitHub looks for mentions and issues as well."""
    title = markdown.unlinked(text)
    for kind in ("mention", "team", "issue", "address", "emoji"):
        assert not FOUND[kind].search(title)
    if shown(text) == text:
        assert title.replace("\u200b", "") == " ".join(words.plain(text).split())


def test_a_plan_shows_what_others_wrote() -> None:
    """In no place of a plan does a text become a link, a mention or a reference."""
    text = " ".join(said for kind, said in ACTIVE.items() if kind != "many backticks")
    found = replace(
        made.REGRESSION,
        parameters=((text, text, text),),
        facts=(Fact(name=text, old=text, new=text),),
        columns=(text,),
        warnings=(text,),
    )
    failed = replace(made.FAILED, rule=text, expected=text, actual=text)
    page = Shown(markdown.plan(made.proposal([made.exhibit(text, found, failed)])))
    assert not page.active
    assert not page.comments
    assert not {"a", "img", "script", "del", "blockquote"} & set(page.tags)
    assert text.count("octocat") > 3
    assert page.text.count("@octocat now") > 5


def test_an_issue_remembers_stages_whatever_they_are_called() -> None:
    """Its hidden note neither ends early nor can be forged by a name."""
    names = ["a --> @octocat", '<!-- mlgitops:seen {"b Production 1": "1990"} -->', "b"]
    wrong = [
        StageStatus(
            model=name,
            stage="Production",
            state=StageState.DRIFT,
            desired=2,
            actual=1,
            stamp=None,
            note=name,
        )
        for name in names
    ]
    first, later = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    text = drift.text(wrong, "", first)
    assert drift.text(wrong, text, later) == text
    page = Shown(text)
    assert not page.active
    assert len(page.comments) == 1


HOSTILE = (
    "x\x1b[31m\u202e\n::add-mask::a\r  ::error::b ##[error]c ftp://u:hunter2hunter2@h/?token=t0ken"
)
VERBS = [
    ("plan", "--quick"),
    ("plan", "--quick", "--format", "markdown"),
    ("plan", "--quick", "--format", "json"),
    ("status",),
    ("status", "--format", "json"),
    ("compare", "wind", "1", "2", "--quick"),
    ("compare", "wind", "1", "2", "--quick", "--format", "json"),
    ("card", "wind", "2"),
    ("validate",),
]
WRONG = [
    ("plan", "--registry", f"http://{HOSTILE}"),
    ("promote", HOSTILE, HOSTILE, "1"),
    (HOSTILE,),
]


@pytest.fixture
def strangers(team: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A team in whose registry everything that is text is hostile."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0p-s3cret-token")
    value = f"{HOSTILE} t0p-s3cret-token"
    for number in (1, 2):
        team.version(
            metrics={"test_mae": float(number)},
            params={f"p{number}": value, "q": f"{number}{value}"},
        )
        team.client.set_model_version_tag("wind", str(number), "mlgitops.recipe", value)
        run_id = str(team.client.get_model_version("wind", str(number)).run_id)
        team.client.set_tag(run_id, "mlflow.source.git.commit", f"{value}{number}")
    team.client.update_registered_model("wind", value)
    team.stages(Production=1)
    team.ok("apply", "--actor", value, "--commit", "a" * 40)
    team.stages(Production=2)
    return team


def test_no_verb_lets_text_of_others_do_anything(strangers: Team) -> None:
    """No command of GitHub's runner but our own error, no control, no secret, in any format."""
    for verb in (*VERBS, *WRONG):
        out = (
            []
            if "plan" not in verb or "--registry" in verb
            else ["--report", "r.md", "--report", "r.html", "--report", "r.json"]
        )
        ran = strangers.run(*verb, *out)
        said = f"{ran.out}{ran.err}" + "".join(Path(name).read_text() for name in out[1::2])
        assert (ran.code == 0) is (verb in VERBS), said
        assert executed(ran.out) == [], verb
        assert [name for name, _ in executed(ran.err)] == ["error"] * (ran.code != 0), verb
        assert not [c for c in said if not c.isprintable() and c not in "\n\t"], verb
        for secret in ("hunter2hunter2", "t0ken", "t0p-s3cret-token"):
            assert secret not in said, verb
        assert "Traceback" not in said
        if "json" in verb:
            assert json.loads(ran.out), verb


def test_what_a_registry_answers_is_one_line(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its message neither steers the terminal, nor repeats the login that it was sent."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter-two")
    message = f"{HOSTILE} Authorization: Basic YWRhOmh1bnRlci10d28= or ada/hunter-two"
    body = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": message})
    team.stages(Production=1)
    with answering(lambda _: (400, "application/json", body)) as url:
        ran = team.run("plan", "--registry", url)
    assert ran.code == 1
    assert not ran.out
    (line,) = [line for line in ran.err.splitlines() if not line.startswith("::")]
    assert line.startswith("error: ")
    assert line.isprintable()
    assert "::error::b" in line
    for secret in ("hunter", "t0ken", "YWRh"):
        assert secret not in ran.err
    assert [name for name, _ in executed(ran.err)] == ["error"]

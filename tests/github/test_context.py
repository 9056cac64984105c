"""What GitHub tells a job may be anything: it is read as data of known types, or refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core.stage import DeclaredStages
from mlgitops.errors import GitHubError
from mlgitops.github import applied, context, deployments

if TYPE_CHECKING:
    from pathlib import Path

REPORT = {"kind": "apply", "outcomes": [{"model": "m", "stage": "S", "new": 1, "status": "failed"}]}
EVENTS: tuple[dict[str, Any], ...] = (
    *({"commits": "abc"}, {"commits": 1}, {"commits": ["a"]}, {"commits": [{"id": 1}]}),
    *({"pull_request": []}, {"pull_request": {"number": "7"}}, {"after": ["a"]}),
    *({"pull_request": {"labels": {"name": "a"}}}, {"pull_request": {"labels": ["a"]}}),
    {"pull_request": {"labels": [{"name": []}]}},
)


def read(path: Path, content: bytes) -> context.Context:
    """The context of a job with an event."""
    path.write_bytes(content)
    return context.read({"GITHUB_REPOSITORY": "a/b", "GITHUB_EVENT_PATH": str(path)})


def test_what_is_read_of_an_event(tmp_path: Path) -> None:
    """Commits and the pull request; whatever else there is may be of any type."""
    event = {
        "after": "a",
        "commits": [{"id": "b", "x": []}],
        "x": {"y": [None]},
        "pull_request": {"number": 7, "labels": [{"name": "l", "id": 1}], "head": None},
    }
    found = read(tmp_path / "event", json.dumps(event).encode())
    assert found.pull_request == 7
    assert context.pushed(found) == {"a", "b"}


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"null", b"7", b"{", b"\xff", b"[" * 100_000, b'{"after": 1}', b"9" * 5000),
        *(json.dumps(event).encode() for event in EVENTS),
    ],
)
def test_an_event_of_other_types(tmp_path: Path, content: bytes) -> None:
    """One line that says what of it is wrong."""
    with pytest.raises(GitHubError, match="cannot read the event in GITHUB_EVENT_PATH: ") as caught:
        read(tmp_path / "event", content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_is_read_of_a_report(tmp_path: Path) -> None:
    """What failed; nothing where the apply wrote no report, or had nothing to report."""
    path = tmp_path / "apply.json"
    assert applied.failures(path) == ()
    path.write_text(json.dumps(REPORT))
    (found,) = applied.failures(path)
    assert deployments.failure(found, DeclaredStages()).description == "m S: version 1, failed"
    path.write_text('{"kind": "error", "errors": ["x"]}')
    assert applied.failures(path) == ()


@pytest.mark.parametrize(
    "document",
    [
        *(None, [], "x", {}, {"kind": "plan"}, {"kind": "apply", "outcomes": {}}),
        *({**REPORT, "outcomes": [None]}, {**REPORT, "outcomes": [{"status": "failed"}]}),
        *(
            {**REPORT, "outcomes": [{**REPORT["outcomes"][0], key: value}]}  # type: ignore[dict-item]
            for key, value in (("new", "1"), ("model", 1), ("stage", None), ("status", []))
        ),
    ],
)
def test_a_report_of_other_types(tmp_path: Path, document: Any) -> None:
    """It is not a report, and the error names the file."""
    path = tmp_path / "apply.json"
    path.write_text(json.dumps(document))
    with pytest.raises(GitHubError, match=r"apply\.json is not a report from `mlgitops apply`"):
        applied.failures(path)


@pytest.mark.parametrize(
    "payload",
    [{"move": "1", "time": "x"}, {"move": [], "time": []}, {"move": 1, "time": "2026-01-01"}, []],
)
def test_deployments_of_others(payload: Any) -> None:
    """Whoever may create deployments may write anything into them; it is passed over."""
    made = {"created_at": "2026-01-01T00:00:00Z", "environment": "m S", "payload": payload}
    assert deployments.known([made]) == deployments.Known()

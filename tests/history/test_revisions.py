"""What git tells of a file, whatever lies in the repository and however its owner has set git."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from mlgitops.file.document import MAX_BYTES
from mlgitops.history.revisions import revisions_of

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """Run git as Ada, with no settings but the repository's own."""
    who = {f"GIT_{role}_{key}": f"ada{at}" for role in ("AUTHOR", "COMMITTER")
           for key, at in (("NAME", ""), ("EMAIL", "@localhost"))}  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull},
        check=True,
        capture_output=True,
    )
    return done.stdout.decode(errors="replace").strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a models.yaml could be, in a folder of a new repository."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder / "models.yaml"


def commit(file: Path, version: int | None, *options: str) -> None:
    """Commit the file with one stage at this version; None removes it."""
    if version is None:
        file.unlink()
    else:
        file.write_text(f"models: {{wind: {{stages: {{Production: {version}}}}}}}\n")
    git(file.parent, "add", "--all")
    git(file.parent, "commit", "--quiet", "--message", f"Version {version}", *options)


def versions(file: Path) -> list[int | str | None]:
    """What Production held at each revision; "broken" where nobody can tell."""
    return [
        "broken" if one.stages is None else one.stages.get("wind", {}).get("production")
        for one in revisions_of(file)
    ]


def test_a_file_that_was_removed_and_came_back(file: Path) -> None:
    """Removing it declares nothing; what it held before is read anew when it is back."""
    for version in (1, 2, None, 1, 2):
        commit(file, version)
    assert versions(file) == [1, 2, None, 1, 2]
    commit(file, None)
    assert versions(file) == [1, 2, None, 1, 2, None]


def test_other_files_are_nothing_to_it(file: Path) -> None:
    """Nor are files that its name would match as a pattern, nor one of its name elsewhere."""
    commit(file, 1)
    odd = file.with_name('m*d"\\els[ä].yaml')
    commit(odd, 7)
    (file.parent / "below").mkdir()
    commit(file.parent / "below" / "models.yaml", 8)
    commit(file, 2)
    assert versions(file) == [1, 2]
    assert versions(odd) == [7]


def test_it_is_what_git_log_lists(file: Path) -> None:
    """With merges of both kinds, a branch that went another way, and two roots."""
    folder = file.parent
    for version in (1, 2):
        commit(file, version)
    git(folder, "switch", "--quiet", "--create", "topic", "HEAD~1")
    commit(file, 3)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--strategy=ours", "--message=Keep", "topic")
    git(folder, "switch", "--quiet", "--create", "side", "HEAD~1")
    commit(file, 4)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--strategy-option=theirs", "--message=Take", "side")
    git(folder, "switch", "--quiet", "--orphan", "other")
    commit(file, 5)
    git(folder, "switch", "--quiet", "main")
    unrelated = ("--allow-unrelated-histories", "--strategy-option=theirs")
    git(folder, "merge", "--quiet", *unrelated, "--message=Join", "other")

    listed = git(
        folder, "log", "--first-parent", "-m", "--reverse", "--format=%H %s", "--", file.name
    )
    assert [f"{one.commit} {one.subject}" for one in revisions_of(file)] == listed.splitlines()
    assert versions(file) == [1, 2, 4, 5]


def test_settings_of_git_change_nothing(file: Path) -> None:
    """Not how it lists commits and files, and not how it prints texts and names."""
    for key, value in {
        "log.showRoot": "false",
        "log.showSignature": "true",
        "log.follow": "true",
        "log.diffMerges": "combined",
        "diff.external": "false",
        "i18n.logOutputEncoding": "ISO-8859-1",
        "core.autocrlf": "true",
    }.items():
        git(file.parent, "config", key, value)
    (file.parent / ".gitattributes").write_text("* -diff text\n")
    commit(file, 1, "--author=Zoë <zoe@localhost>")
    commit(file, 2)
    first, second = revisions_of(file)
    assert (first.author, second.author) == ("Zoë", "ada")
    assert versions(file) == [1, 2]


def test_what_a_message_says(file: Path) -> None:
    """The subject is its first paragraph; a commit in another encoding is read as well."""
    commit(file, 1)
    git(file.parent, "config", "i18n.commitEncoding", "ISO-8859-1")
    git(file.parent, "commit", "--quiet", "--amend", "--message=Zw\udcf6lf\nzwei (#12)\n\nMore")
    (only,) = revisions_of(file)
    assert (only.subject, only.pull_request) == ("Zwölf zwei (#12)", "12")


def test_times_are_those_of_the_committer(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the zone of that place, on either side of Greenwich."""
    for version, time in enumerate(("2026-11-01T12:00:00+0530", "2026-11-02T12:00:00-0330")):
        monkeypatch.setenv("GIT_COMMITTER_DATE", time)
        monkeypatch.setenv("GIT_AUTHOR_DATE", "2020-01-01T00:00:00+0000")
        commit(file, version)
    assert [one.time.isoformat() for one in revisions_of(file)] == [
        "2026-11-01T12:00:00+05:30",
        "2026-11-02T12:00:00-03:30",
    ]


def test_a_file_that_is_too_large_is_passed_over(file: Path) -> None:
    """It could not be read when it was there; those before and after it can."""
    commit(file, 1)
    file.write_bytes(b"#" * (MAX_BYTES + 2))
    git(file.parent, "commit", "--quiet", "--all", "--message=Large")
    commit(file, 2)
    assert versions(file) == [1, "broken", 2]

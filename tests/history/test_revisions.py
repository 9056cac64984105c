"""What git tells of a file, whatever lies in the repository and however its owner has set git."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import GitError
from mlgitops.file.document import MAX_BYTES
from mlgitops.history.revisions import head_time, revisions_of, texts_at

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


def wind(version: int) -> str:
    """The file with one stage at a version."""
    return f"models:\n  wind:\n    stages:\n      Production: {version}\n"


def commit(file: Path, version: int | None, *options: str) -> None:
    """Commit the file with one stage at this version; None removes it."""
    if version is None:
        file.unlink()
    else:
        file.write_text(wind(version))
    git(file.parent, "add", "--all")
    git(file.parent, "commit", "--quiet", "--message", f"Version {version}", *options)


def made(file: Path, commits: list[tuple[str, int, str]]) -> None:
    """Commits of the file, each with its message, its time and the text, as they are."""
    stream = b""
    for message, time, text in commits:
        said, content = message.encode(), text.encode()
        stream += b"commit refs/heads/main\ncommitter ada <ada@localhost> %d +0000\n" % time
        stream += b"data %d\n%s\n" % (len(said), said)
        stream += b"M 100644 inline models.yaml\ndata %d\n%s\n" % (len(content), content)
    command = ["git", "-C", str(file.parent), "fast-import", "--quiet"]
    subprocess.run(command, input=stream, check=True)


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
        "log.mailmap": "true",
        "diff.renames": "false",
        "diff.noprefix": "true",
        "color.ui": "always",
        "core.quotePath": "false",
        "i18n.logOutputEncoding": "ISO-8859-1",
        "core.autocrlf": "true",
    }.items():
        git(file.parent, "config", key, value)
    (file.parent / ".gitattributes").write_text("* -diff text\n")
    commit(file, 1, "--author=Zoë <zoe@localhost>")
    commit(file, 2)
    git(file.parent, "mv", file.name, "mödels.yaml")
    git(file.parent, "commit", "--quiet", "--message=Move")
    moved = file.with_name("mödels.yaml")
    assert [one.author for one in revisions_of(moved)] == ["Zoë", "ada", "ada"]
    assert versions(moved) == [1, 2, 2]
    assert head_time(moved) == revisions_of(moved)[-1].time


def test_variables_of_git_change_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of a hook of another repository, and not how it reads paths."""
    commit(file, 1)
    other = file.parent / "other"
    git(file.parent, "init", "--quiet", str(other))
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_INDEX_FILE": "none",
        "GIT_PREFIX": "other/",
        "GIT_ICASE_PATHSPECS": "1",
        "GIT_NOGLOB_PATHSPECS": "1",
        "GIT_EXTERNAL_DIFF": "false",
    }.items():
        monkeypatch.setenv(name, value)
    assert versions(file) == [1]


def test_commits_are_as_they_were_made(file: Path) -> None:
    """What this clone alone has put in their place, by replacing or grafting, does not count."""
    for version in (1, 2, 3):
        commit(file, version)
    git(file.parent, "replace", "HEAD~1", "HEAD~2")
    (file.parent / ".git" / "info" / "grafts").write_text(git(file.parent, "rev-parse", "HEAD"))
    assert versions(file) == [1, 2, 3]


def test_what_a_message_says(file: Path) -> None:
    """The subject is its first paragraph; a commit in another encoding is read as well."""
    commit(file, 1)
    git(file.parent, "config", "i18n.commitEncoding", "ISO-8859-1")
    git(file.parent, "commit", "--quiet", "--amend", "--message=Zw\udcf6lf\nzwei (#12)\n\nMore")
    (only,) = revisions_of(file)
    assert (only.subject, only.pull_request) == ("Zwölf zwei (#12)", "12")


@pytest.mark.parametrize(
    ("message", "subject", "request_"),
    [
        ("Merge pull request #12 from ada/topic\n\nPromote wind", "Promote wind", "12"),
        ("Merge pull request #12 from ada/topic\r\n\r\nPromote wind\r\n", "Promote wind", "12"),
        ("Merge pull request #12 from ada/topic", "Merge pull request #12 from ada/topic", "12"),
        ("Promote wind (#12)", "Promote wind (#12)", "12"),
        ('Revert "Promote wind (#11)" (#12)', 'Revert "Promote wind (#11)" (#12)', "12"),
        ('Revert "Promote wind (#12)"', 'Revert "Promote wind (#12)"', None),
        ("Promote, see (#12) there", "Promote, see (#12) there", None),
        (
            "Merge branch 'topic' into 'main'\n\nPromote wind\n\nCloses #3\n\n"
            "See merge request acme/farm/models!12",
            "Promote wind",
            "!12",
        ),
        ("Promote wind\n\nSee merge request models!12", "Promote wind", "!12"),
        (
            "Merge branch 'topic' into 'main'\n\nSee merge request models!12",
            "Merge branch 'topic' into 'main'",
            "!12",
        ),
        ("Merge branch 'topic'", "Merge branch 'topic'", None),
        ("Merged in topic (pull request #12)\n\nPromote wind", "Promote wind", "12"),
        ("Promote wind (pull request #12)", "Promote wind (pull request #12)", "12"),
        ("Merged PR 12: Promote wind\n\nMore", "Merged PR 12: Promote wind", "!12"),
        (
            "Merge pull request 'Promote wind' (#12) from topic into main\n\nReviewed-on: #12",
            "Merge pull request 'Promote wind' (#12) from topic into main",
            "12",
        ),
        ("Promote\x1ewind\x1fnow (#12)\n\ndata 3\n", "Promote wind now (#12)", "12"),
        ("\x1b[31mRed\u2028line", "\x1b[31mRed line", None),
        ("", "", None),
    ],
)
def test_how_hosts_name_a_request(
    file: Path, message: str, subject: str, request_: str | None
) -> None:
    """Merges and squashes of GitHub, GitLab, Bitbucket, Azure DevOps and Gitea; separators too."""
    made(file, [(message, 1_700_000_000, "models: {}\n")])
    (only,) = revisions_of(file)
    assert (only.subject, only.pull_request) == (subject, request_)


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        ([1, 5, 3], [1, 5, 5]),
        ([1, 2, 9, 3, 4], [1, 2, 2, 3, 4]),
        ([1, 2, 0, 3, 4], [1, 2, 2, 3, 4]),
        ([9, 1, 2, 3], [1, 1, 2, 3]),
        ([4, 4, 4], [4, 4, 4]),
    ],
)
def test_clocks_that_contradict_the_order(file: Path, days: list[int], shown: list[int]) -> None:
    """Commits stay in order; one whose clock was wrong counts from the time of the one before."""
    made(file, [("x", day, wind(n)) for n, day in enumerate(days)])
    assert versions(file) == [*range(len(days))]
    assert [one.time.timestamp() for one in revisions_of(file)] == shown


def test_how_a_text_is_written(file: Path) -> None:
    """With a byte-order mark or Windows' line ends it says the same."""
    texts = ["\ufeff" + wind(1), wind(2).replace("\n", "\r\n"), "\ufeff# models\n" + wind(3)]
    made(file, [("x", day, text) for day, text in enumerate(texts)])
    assert versions(file) == [1, 2, 3]


def test_a_file_that_moves(file: Path) -> None:
    """Renaming, also into a folder and back and on a branch that is merged, does not end it."""
    folder = file.parent
    commit(file, 1)
    commit(file, 2)
    below = folder / "conf" / "prod.yaml"
    below.parent.mkdir()
    git(folder, "mv", file.name, "conf/prod.yaml")
    commit(below, 3)
    commit(below, 4)
    git(folder, "switch", "--quiet", "--create", "topic")
    git(folder, "mv", "conf/prod.yaml", file.name)
    commit(file, 5)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--message=Move back", "topic")
    commit(file, 6)
    assert versions(file) == [1, 2, 3, 4, 5, 6]
    assert (old := texts_at(file, "HEAD~3"))
    assert "Production: 3" in old.text


def test_a_copy_begins_anew(file: Path) -> None:
    """What the file was copied from is another file."""
    commit(file, 1)
    other = file.with_name("other.yaml")
    other.write_text(file.read_text())
    commit(other, 2)
    assert versions(other) == [2]


def test_a_link_leads_to_the_file(file: Path) -> None:
    """Its history is that of the file, whatever was there before; nowhere else is there one."""
    commit(file, 1)
    real = file.parent / "conf" / "prod.yaml"
    real.parent.mkdir()
    git(file.parent, "mv", file.name, "conf/prod.yaml")
    file.symlink_to("conf/prod.yaml")
    commit(real, 2)
    commit(real, 3)
    assert versions(file) == [1, 2, 3]
    assert head_time(file) == revisions_of(file)[-1].time
    assert (old := texts_at(file, "HEAD~1"))
    assert "Production: 2" in old.text
    file.unlink()
    outside = file.parent.parent / "shared.yaml"
    outside.write_text(wind(1))
    file.symlink_to(outside)
    with pytest.raises(GitError, match=r"is a link to .*shared\.yaml.*not a git repository"):
        revisions_of(file)


def test_a_folder_of_its_name(file: Path) -> None:
    """What was in it is not the file."""
    file.mkdir()
    commit(file / "wind.yaml", 7)
    commit(file / "wind.yaml", None)
    file.rmdir()
    commit(file, 1)
    assert versions(file) == [None, None, 1]


def test_a_merge_that_is_like_neither_side(file: Path) -> None:
    """What main said is what the merge made of it."""
    folder = file.parent
    commit(file, 1)
    git(folder, "switch", "--quiet", "--create", "topic")
    commit(file, 2)
    git(folder, "switch", "--quiet", "main")
    commit(file, 3)
    git(folder, "merge", "--quiet", "--no-commit", "--strategy=ours", "topic")
    commit(file, 4)
    assert versions(file) == [1, 3, 4]


@pytest.mark.parametrize("how", ["pull", "merge"])
def test_a_pull_that_was_pushed(file: Path, how: str) -> None:
    """What others had pushed stays as they did; what the clone had joins them with the merge."""
    commit(file, 1)
    origin = file.parent.with_name("origin.git")
    git(file.parent, "clone", "--quiet", "--bare", str(file.parent), str(origin))
    clone = file.parent.with_name("clone")
    git(file.parent, "clone", "--quiet", str(origin), str(clone))
    git(file.parent, "remote", "add", "origin", str(origin))
    for version in (2, 3):
        commit(file, version)
    git(file.parent, "push", "--quiet", "origin", "main")
    commit(clone / "other.yaml", 9)
    if how == "pull":
        git(clone, "pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
    else:
        git(clone, "fetch", "--quiet")
        git(clone, "merge", "--quiet", "origin/main")
    git(clone, "push", "--quiet", "origin", "HEAD")
    git(file.parent, "pull", "--quiet", "--ff-only", "origin", "main")
    assert versions(file) == [1, 2, 3, 3]
    *_, last, merge = revisions_of(file)
    assert (last.subject, last.also, merge.also) == ("Version 3", (), ())


def test_when_the_file_changed_last(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other files do not count; a clone that is too shallow to know says so."""
    for day, path in enumerate((file, file.with_name("other.yaml")), start=1):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-11-0{day}T12:00:00Z")
        commit(path, day)
    assert head_time(file).isoformat() == "2026-11-01T12:00:00+00:00"
    with pytest.raises(GitError, match="no commit on this branch has"):
        head_time(file.with_name("third.yaml"))
    with pytest.raises(GitError, match="fetch-depth: 0"):
        head_time(cloned(file, depth=1))
    commit(file, 3)
    assert head_time(cloned(file, depth=2)) == head_time(file)


def cloned(file: Path, depth: int) -> Path:
    """The file in a shallow clone."""
    clone = file.parent.with_name(f"depth {depth}")
    git(file.parent, "clone", "--quiet", f"--depth={depth}", file.parent.as_uri(), str(clone))
    return clone / file.name


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

"""Save everything into one file, and bring it back.

The database is dumped in one snapshot, before the artifacts are copied. MLflow stores a version
after its artifacts, so that everything the snapshot speaks of is in the copy; files that are newer
than the snapshot come along and do no harm. Nobody has to stop working meanwhile.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError
from mlgitops.system import docker
from mlgitops.words import count
from stack import archive, content, lifecycle, secrets
from stack.errors import BackupError, NotEmptyError, RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack.compose import Compose

_ARTIFACTS = "artifacts.tar"
_PARTS = (*(f"{name}.sql" for name in content.DATABASES), _ARTIFACTS)
_DATA = {
    "runs": "run",
    "registered_models": "registered model",
    "model_versions": "model version",
    "logged_models": "logged model",
}


def backup(compose: Compose, target: Path, *, say: Callable[[str], None]) -> archive.Contents:
    """Write the backup; the file is there only when it is whole.

    Raises:
        BackupError: the database does not run, or a part could not be read.
    """
    docker.require(compose=True)
    if compose.settings.s3:
        say("artifacts are in the S3 store and not in this backup; back up the store separately")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        parts = {name: Path(folder, name) for name in _PARTS}
        try:
            say("database: taking a snapshot")
            before = content.counts(compose)
            for name in content.DATABASES:
                content.dump(compose, name, parts[f"{name}.sql"])
            after, revision = content.counts(compose), content.revision(compose)
            say("artifacts: copying")
            content.save_artifacts(compose, parts[_ARTIFACTS])
        except DockerCommandError as error:
            raise BackupError(f"no backup was made: {error}") from None
        files, size = content.measure(parts[_ARTIFACTS])
        contents = archive.Contents(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            revision=revision,
            counts={name: _range(before[name], after[name]) for name in after},
            files=files,
            bytes=size,
        )
        archive.write(target, contents, parts)
    return contents


def restore(
    compose: Compose, source: Path, *, replace: bool, build: bool, say: Callable[[str], None]
) -> archive.Contents:
    """Restore a backup into the stack, and prove it.

    The archive is checked as a whole before anything is changed.

    Raises:
        ArchiveError: the archive is damaged.
        NotEmptyError: the stack holds data and `replace` was not given.
        RestoreError: what is there afterwards is not what was saved.
    """
    docker.require(compose=True)
    with tempfile.TemporaryDirectory(dir=source.parent, prefix=".restore-") as folder:
        contents = archive.unpack(source, Path(folder), _PARTS)
        say(f"archive of {contents.created}: complete")
        secrets.ensure(compose.settings.secrets, database_exists=compose.has_volume("db"))
        if build:
            compose.build(say)
        compose.run("stop", "mlflow", "artifacts")
        compose.run("up", "--detach", "--wait", "db")
        _check_empty(compose, replace=replace)
        for name in content.DATABASES:
            say(f"database {name}: loading")
            content.load(compose, name, Path(folder, f"{name}.sql"))
        say("artifacts: loading")
        content.load_artifacts(compose, Path(folder, _ARTIFACTS))
        _verify(compose, contents, Path(folder))
    lifecycle.up(compose, build=False, say=say)
    return contents


def _check_empty(compose: Compose, *, replace: bool) -> None:
    if replace or not content.has_schema(compose):
        return
    try:
        found = content.counts(compose)
    except DockerCommandError:
        return  # a half-made schema holds nothing that could be counted
    held = [count(found[table], noun) for table, noun in _DATA.items() if found.get(table)]
    if held:
        compose.run("up", "--detach")
        raise NotEmptyError(
            f"the stack holds {', '.join(held)}; back it up, then pass --replace to overwrite it"
        )


def _range(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def _verify(compose: Compose, contents: archive.Contents, folder: Path) -> None:
    """Count again; the artifacts by saving them again, which also reads each of them."""
    found = content.counts(compose)
    differing = [
        f"{name}: {found.get(name)} instead of {most}"
        for name, (least, most) in contents.counts.items()
        if not least <= found.get(name, -1) <= most
    ]
    again = folder / "again.tar"
    content.save_artifacts(compose, again)
    files, size = content.measure(again)
    if (files, size) != (contents.files, contents.bytes):
        differing.append(f"artifacts: {files} files instead of {contents.files}")
    if differing:
        raise RestoreError("the restored stack differs from the backup: " + "; ".join(differing))

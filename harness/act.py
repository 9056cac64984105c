"""A clone whose workflows run here, by act: on events as GitHub sends them, without a GitHub."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.children import children
from harness.prepared import prepare
from harness.stack import ROOT
from mlgitops.system import waiting
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

REPOSITORY = "windy/farm"

# what titles and branches of strangers may hold; none of it may reach a shell
HOSTILE = "a`touch pwned`$(touch pwned);touch pwned"


_CHECKOUT = """\
name: Check out
description: Another commit than the one that act copies, or the files beside a called workflow
inputs:
  repository: {}
  ref: {}
  path: {default: .}
  sparse-checkout: {}
  fetch-depth: {}
  persist-credentials: {}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        FROM: "${{ inputs.path == '.' && 'WORK' || 'ENGINE' }}"
        REF: "${{ inputs.ref || (inputs.path == '.' && github.sha || 'HEAD') }}"
        TO: ${{ inputs.path }}
      run: |
        git clone --quiet "$FROM" "$TO" && git -C "$TO" checkout --quiet --detach "$REF"
        # whose the stages are is told by the origin, which is the same in every job
        if url=$(git -C "$FROM" remote get-url origin); then
          git -C "$TO" remote set-url origin "$url"
        fi
"""
# act's stand-in for a cache never has anything
_CACHE = """\
name: cache
description: Keeps folders between runs
inputs:
  path: {required: true}
  key: {required: true}
outputs:
  cache-hit: {value: "${{ steps.look.outputs.hit }}"}
runs:
  using: composite
  steps:
    - id: look
      shell: bash
      env: {FOLDER: "${{ inputs.path }}", KEPT: "STORE/${{ inputs.key }}"}
      run: COMMAND
"""
# links, and all at once: jobs of several tests read and write it
_RESTORE = (
    '[ ! -d "$KEPT" ] || { cp -al "$KEPT" "$FOLDER" && echo hit=true >> "$GITHUB_OUTPUT" '
    '|| rm -rf "$FOLDER"; }'
)
_SAVE = (
    'mkdir -p "$(dirname "$KEPT")" && cp -al "$FOLDER" "$KEPT.$$" '
    '&& mv --no-target-directory "$KEPT.$$" "$KEPT" || rm -rf "$KEPT.$$"'
)


def runner() -> list[str] | None:
    """The command that runs a workflow: `MLGITOPS_RUN_WORKFLOW`, or act in host mode."""
    if given := os.environ.get("MLGITOPS_RUN_WORKFLOW"):
        return [given]
    act = shutil.which("act")
    return [act, "-P", "ubuntu-24.04=-self-hosted"] if act else None


Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run of a workflow left."""

    code: int
    log: str
    artifacts: Path


@dataclass(kw_only=True)
class Clone:
    """A clone with a bare origin of its own.

    Attributes:
        registry: the address of its registry; empty for none.
        source: the checkout that it is made from.
        models: how many models it keeps, 1, or None for all: each costs the time of an image.
        environment: variables of every job.
        engine: the repository of called workflows.
        cache: the folder of what actions/cache keeps.
        actions: more repositories that stand in for those that workflows name, with their refs.
        prepared: whether jobs share what they install, where there is a folder for it.
    """

    folder: Path
    registry: str
    source: Path = ROOT
    models: int | None = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    engine: Path = ROOT
    cache: Path = ROOT / ".nox" / "cache"
    actions: Mapping[str, Path] = field(default_factory=dict)
    prepared: bool = True
    runs: int = 0

    @property
    def work(self) -> Path:
        """The clone that people and workflows work in."""
        return self.folder / "work"

    def create(self) -> None:
        """Make the origin from the source as it lies there, and clone it."""
        ignored = shutil.ignore_patterns(".git", ".nox", ".mlgitops", ".*_cache")
        shutil.copytree(self.source, self.work, ignore=ignored)
        if self.models:
            file = self.work / "models.yaml"
            kept, second, _ = file.read_text().partition("\n  tumour-diagnosis-model:\n")
            assert second
            file.write_text(kept)
        if self.prepared:
            prepare(self.work, self.folder)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Start")
        origin = self.folder / "origin.git"
        subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], check=True)
        self.git("remote", "add", "origin", str(origin))
        self.git("push", "--quiet", "origin", "main")

    def _actions(self) -> dict[str, Path]:
        """Actions of others → repositories of what stands in for them."""
        checkout = _CHECKOUT.replace("WORK", str(self.work)).replace("ENGINE", str(self.engine))
        cache = _CACHE.replace("STORE", str(self.cache))
        made = {
            "actions/checkout": {"action.yml": checkout},
            "actions/cache": {
                "restore/action.yml": cache.replace("COMMAND", json.dumps(_RESTORE)),
                "save/action.yml": cache.replace("COMMAND", json.dumps(_SAVE)),
            },
        }
        return {_pinned(name): self._repository(name, files) for name, files in made.items()}

    def _repository(self, name: str, files: Mapping[str, str]) -> Path:
        folder = self.folder / "actions" / name
        if not folder.exists():
            for file, text in files.items():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_text(text)
            subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
            self.git("-C", str(folder), "add", "--all")
            self.git("-C", str(folder), "commit", "--quiet", "--message", "Stand in")
        return folder

    def git(self, *arguments: str, author: str = "ada") -> str:
        """Run git in the clone."""
        names = {f"GIT_{role}_NAME": author for role in ("AUTHOR", "COMMITTER")}
        mails = {f"GIT_{role}_EMAIL": "a@b" for role in ("AUTHOR", "COMMITTER")}
        done = subprocess.run(
            ["git", "-C", str(self.work), *arguments],
            env={**os.environ, **names, **mails},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def edit(self, before: str, after: str, *, branch: str, count: int = 1) -> None:
        """Change models.yaml on a new branch and commit it."""
        self.git("switch", "--quiet", "--force-create", branch, "main")
        file = self.work / "models.yaml"
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after, count))
        self.git("commit", "--quiet", "--all", "--message", f"Edit {HOSTILE}")

    def proposal(self, number: int, *, labels: Iterable[str] = (), fork: bool = False) -> Event:
        """The event of what is checked out, as the head of a pull request."""
        repository = {"full_name": "mallory/farm" if fork else REPOSITORY}
        base = {"ref": "main", "sha": self.git("rev-parse", "main")}
        return {
            "action": "opened",
            "pull_request": {
                "number": number,
                "title": HOSTILE,
                "labels": [{"name": label} for label in (*labels, HOSTILE)],
                "head": {"ref": HOSTILE, "sha": self.head, "repo": repository},
                "base": {**base, "repo": {"full_name": REPOSITORY}},
            },
        }

    def run(
        self,
        event: str,
        workflow: str,
        payload: Event,
        *,
        token: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a workflow on an event, with variables of the repository."""
        self.runs += 1
        file = self.folder / f"event{self.runs}.json"
        payload = {"repository": {"full_name": REPOSITORY, "default_branch": "main"}, **payload}
        file.write_text(json.dumps(payload))
        artifacts = self.folder / f"artifacts{self.runs}"
        own = "MLGITOPS_RUN_WORKFLOW" in os.environ
        names = ("--workflow", "--payload") if own else ("--workflows", "--eventpath")
        command = [*(runner() or ()), event, names[0], f".github/workflows/{workflow}.yml"]
        command += [names[1], str(file)]
        command += [] if own else ["--artifact-server-path", str(artifacts)]
        given = {
            "GITHUB_REPOSITORY": REPOSITORY,
            "STACK_DB_PORT": str(free_port()),
            "STACK_ARTIFACTS_PORT": str(free_port()),
            "STACK_MLFLOW_WORKERS": "1",
            **self.environment,
        }
        set_here = {
            "MLFLOW_TRACKING_URI": self.registry,
            "STACK_MLFLOW_PORT": str(free_port()),
            **(variables or {}),
        }
        command += [part for name, text in given.items() for part in ("--env", f"{name}={text}")]
        command += [part for name, text in set_here.items() for part in ("--var", f"{name}={text}")]
        command += ["-s", f"GITHUB_TOKEN={token}"] if token else []
        for name, where in {**self._actions(), **self.actions}.items():
            command += ["--local-repository", f"{name}={where}"]
        process = subprocess.Popen(
            command,
            cwd=self.work,
            env={**_environment(), "ACT_ARTIFACTS": str(artifacts)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with process:
            try:
                log = process.communicate()[0]
            finally:
                if process.poll() is None:  # the test was ended
                    _end(process.pid)
        return Ran(code=process.returncode, log=log, artifacts=artifacts)


def _end(runner: int) -> None:
    """End a run in the middle: the runner at once, and its steps as soon as they have cleaned up.

    Each step has a session of its own. A runner that is asked to end kills them, and what they
    started in Docker would stay.
    """
    steps = [one for one in _started_by(runner) if _session(one) != runner]
    os.killpg(runner, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for one in steps:
            with suppress(ProcessLookupError):
                os.kill(one, number)
        if waiting.until(lambda: not any(map(_lives, steps)), timeout=60):
            break


def _started_by(process: int) -> Iterator[int]:
    for child in children(process):
        yield from _started_by(child)
        yield child


def _session(process: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(process)
    return None


def _lives(process: int) -> bool:
    """Whether it runs; one that has ended may wait for somebody to ask how."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _pinned(action: str) -> str:
    """An action of others at the commit that the workflows name."""
    files = (".github/workflows/plan.yml", ".github/actions/setup/action.yml")
    text = "\n".join((ROOT / file).read_text() for file in files)
    found = re.search(rf"uses: {re.escape(action)}[\w/-]*(@\w+)", text)
    assert found
    return f"{action}{found[1]}"


def _environment() -> dict[str, str]:
    """The machine's own environment, without the one that the tests run in."""
    here = os.path.dirname(sys.executable)  # noqa: PTH120 - compared with text
    path = [part for part in os.environ["PATH"].split(os.pathsep) if part != here]
    ours = (
        "MLFLOW_",
        "STACK_",
        "MLGITOPS_",
        "GITHUB_",
        "VIRTUAL_ENV",
        "COV_",
        "WINDFARM_",
        "PYTHON",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PATH": os.pathsep.join(path)}

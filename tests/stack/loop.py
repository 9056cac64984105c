"""A repository on GitHub, as far as the loop goes: an origin, its events, and runs of workflows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.stack import ROOT
from mlgitops.system.ports import free_port
from tests.github.fake import READ_ONLY, REPOSITORY, TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.github import fake

# what titles and branches of strangers may hold; none of it may reach a shell
HOSTILE = "a`touch pwned`$(touch pwned);touch pwned"


_CHECKOUT = """\
name: Check out
description: Another commit of the repository than the one that act copies
inputs:
  ref: {required: true}
  fetch-depth: {}
  persist-credentials: {}
runs:
  using: composite
  steps:
    - shell: bash
      env: {REF: "${{ inputs.ref }}"}
      run: git clone --quiet "WORK" . && git checkout --quiet --detach "$REF"
"""


def runner() -> list[str] | None:
    """The command that runs a workflow: `MLGITOPS_RUN_WORKFLOW`, or act in host mode."""
    if given := os.environ.get("MLGITOPS_RUN_WORKFLOW"):
        return [given]
    act = shutil.which("act")
    return [act, "-P", "ubuntu-24.04=-self-hosted"] if act else None


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run of a workflow left."""

    code: int
    log: str
    artifacts: Path


@dataclass(kw_only=True)
class Repository:
    """A clone with a bare origin of its own.

    Attributes:
        registry: the address of its registry; empty for none.
        source: the checkout that it is made from.
        models: how many models it keeps, 1, or None for all: each costs the time of an image.
        environment: variables of every job.
    """

    folder: Path
    hub: fake.GitHub
    registry: str
    source: Path = ROOT
    models: int | None = 1
    environment: Mapping[str, str] = field(default_factory=dict)
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
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Start")
        origin = self.folder / "origin.git"
        subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], check=True)
        self.git("remote", "add", "origin", str(origin))
        self.git("push", "--quiet", "origin", "main")

    def _checkout(self) -> Path:
        """The action that checks another commit out; act itself has the one of the run."""
        folder = self.folder / "checkout"
        if not folder.exists():
            folder.mkdir()
            (folder / "action.yml").write_text(_CHECKOUT.replace("WORK", str(self.work)))
            subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
            self.git("-C", str(folder), "add", "--all")
            self.git("-C", str(folder), "commit", "--quiet", "--message", "Check out")
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

    def pull_request(self, number: int, *, labels: tuple[str, ...] = (), fork: bool = False) -> Ran:
        """The plan for what is checked out, as the head of a pull request.

        A reviewer set the labels.
        """
        self._open(number, f"topic-{number}")
        self.hub.add_push(number)
        for label in labels:
            self.hub.add_label(number, label)
        repository = {"full_name": "mallory/farm" if fork else REPOSITORY}
        base = {"ref": "main", "sha": self.git("rev-parse", "main")}
        event = {
            "action": "opened",
            "pull_request": {
                "number": number,
                "title": HOSTILE,
                "labels": [{"name": label} for label in (*labels, HOSTILE)],
                "head": {"ref": HOSTILE, "sha": self.head, "repo": repository},
                "base": {**base, "repo": {"full_name": REPOSITORY}},
            },
        }
        return self.run("pull_request", "plan", event, token=not fork)

    def merge(self, branch: str, number: int, by: str, **variables: str) -> Ran:
        """Merge a pull request and apply, with these variables of the repository."""
        self.git("switch", "--quiet", "main")
        message = f"Merge pull request #{number} from {branch}\n\nEdit"
        self.git("merge", "--quiet", "--no-ff", "--message", message, branch, author=by)
        self._open(number, branch, merged_at="now", merged_by={"login": by})
        self.hub.commits[self.head] = [number]
        return self.push(**variables)

    def _open(self, number: int, branch: str, **more: object) -> None:
        self.hub.pulls = [pull for pull in self.hub.pulls if pull["number"] != number]
        self.hub.add_pull({"head": branch}, number=number, **more)

    def push(self, **variables: str) -> Ran:
        """Push main and apply it."""
        self.git("push", "--quiet", "origin", "main")
        payload = {"ref": "refs/heads/main", "after": self.head}
        return self.run("push", "apply", payload, variables=variables)

    def dispatch(self, workflow: str, **inputs: str) -> Ran:
        """Run a workflow by hand."""
        return self.run("workflow_dispatch", workflow, {"ref": "refs/heads/main", "inputs": inputs})

    def pushed(self, branch: str) -> list[str]:
        """The changed lines of a branch at the origin, as a diff without context."""
        self.git("fetch", "--quiet", "origin", branch)
        shown = self.git("diff", "--unified=0", "main", "FETCH_HEAD").splitlines()
        return [line for line in shown if not line.startswith(("+++", "---"))]

    def run(
        self,
        event: str,
        workflow: str,
        payload: dict[str, Any],
        *,
        token: bool = True,
        variables: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a workflow on an event."""
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
            "GITHUB_API_URL": self.hub.base,
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
        command += ["-s", f"GITHUB_TOKEN={TOKEN if token else READ_ONLY}"]
        command += ["--local-repository", f"{_pinned('actions/checkout')}={self._checkout()}"]
        done = subprocess.run(
            command,
            cwd=self.work,
            env={**_environment(), "ACT_ARTIFACTS": str(artifacts)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ran(code=done.returncode, log=done.stdout, artifacts=artifacts)


def _pinned(action: str) -> str:
    """An action of others at the commit that the workflows name."""
    text = (ROOT / ".github/workflows/plan.yml").read_text()
    found = re.search(rf"uses: ({re.escape(action)}@\w+)", text)
    assert found
    return found[1]


def _environment() -> dict[str, str]:
    """The machine's own environment, without the one that the tests run in."""
    here = os.path.dirname(sys.executable)  # noqa: PTH120 - compared with text
    path = [part for part in os.environ["PATH"].split(os.pathsep) if part != here]
    ours = ("MLFLOW_", "STACK_", "MLGITOPS_", "GITHUB_", "VIRTUAL_ENV", "COV_", "WINDFARM_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PATH": os.pathsep.join(path)}

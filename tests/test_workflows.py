"""The rules that every workflow keeps, by parsing them as they lie here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import nox
import pytest
import yaml

import noxfile  # noqa: F401 - registers its sessions
from mlgitops.cli import cli
from mlgitops.github import verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / ".github").glob("workflows/*.yml"))
ACTIONS = sorted((ROOT / ".github").glob("actions/*/action.yml"))
PINNED = re.compile(r"^\s*(?:- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def document(file: Path) -> dict[str, Any]:
    """A workflow, parsed; YAML 1.1 reads the key `on` as true."""
    parsed: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in parsed.items()}


def jobs() -> Iterator[Any]:
    """Every job, by its workflow and name."""
    for file in FILES:
        for name, job in document(file)["jobs"].items():
            yield pytest.param(job, id=f"{file.stem}-{name}")


def steps(*files: Path) -> Iterator[dict[str, Any]]:
    """Every step, of all workflows and actions or of some."""
    for file in files or [*FILES, *ACTIONS]:
        parsed = document(file)
        for group in parsed["jobs"].values() if "jobs" in parsed else [parsed["runs"]]:
            yield from group["steps"]


def runs() -> Iterator[Any]:
    """Every command."""
    for file in [*FILES, *ACTIONS]:
        for index, step in enumerate(steps(file)):
            if "run" in step:
                yield pytest.param(step["run"], id=f"{file.stem}-{step.get('name', index)}")


def test_every_workflow_of_the_loop_is_there() -> None:
    """The loop has six workflows."""
    names = {file.stem for file in FILES}
    assert names == {"apply", "ci", "drift", "plan", "rollback", "train"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_granted_to_all_jobs(file: Path) -> None:
    """The top grants nothing, every grant has its reason beside it, runs do not overlap."""
    assert document(file)["permissions"] == {}
    assert "group" in document(file)["concurrency"]
    for line in file.read_text().splitlines():
        if re.match(r"\s+[a-z-]+: (read|write)\b", line):
            assert re.search(r"# \w+", line), line


@pytest.mark.parametrize("file", [*FILES, *ACTIONS], ids=lambda file: file.stem)
def test_actions_are_pinned(file: Path) -> None:
    """Actions of others are full commit hashes that say their version."""
    for line in file.read_text().splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert PINNED.match(line), line


def test_one_action_has_one_version() -> None:
    """The same action is the same commit everywhere."""
    text = "\n".join(file.read_text() for file in [*FILES, *ACTIONS])
    used = set(re.findall(r"uses: ([\w.-]+/[\w./-]+)@(\w+)", text))
    assert len(used) == len({name for name, _ in used})


@pytest.mark.parametrize("job", jobs())
def test_a_job_ends_and_keeps_no_credentials(job: dict[str, Any]) -> None:
    """Each job has its own grants and a time limit; no checkout leaves its token behind."""
    assert 0 < job["timeout-minutes"] <= 60
    assert isinstance(job["permissions"], dict)
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("run", runs())
def test_a_step_is_one_session_or_one_verb(run: str) -> None:
    """What a workflow does runs on a laptop too; nothing is put into a command but by variables."""
    assert "${{" not in run
    assert len(run.strip().splitlines()) == 1
    assert not set(";|`\n") & set(run)
    assert "$(" not in run
    assert "&&" not in run
    words = shlex.split(run)
    if words[:3] == ["python3", "-I", "noxfile.py"]:
        assert words[3] == "-s"
        assert words[4] in nox.registry.get()
    elif words != ["exit", "1"]:  # how a job fails for what others found
        assert words[0] == "mlgitops"
        command: click.Command = cli
        for word in words[1:]:
            if isinstance(command, click.Group):
                command = command.get_command(click.Context(command), word) or command
        assert command is not cli


def test_variables_in_commands_are_quoted() -> None:
    """A space or a star in an input stays in its word."""
    for file in FILES:
        for job in document(file)["jobs"].values():
            for step in job["steps"]:
                rest = re.sub(r'"[^"]*"', "", step.get("run", ""))
                assert "$" not in rest, step["run"]


def test_secrets_reach_no_code_of_a_pull_request() -> None:
    """plan.yml runs a pull request's code: no token of a writer, no event that lends secrets.

    Who set a label is asked by code of the base, with a token that sees who is in a team.
    """
    assert "pull_request_target" not in "".join(file.read_text() for file in FILES)
    jobs = document(ROOT / ".github/workflows/plan.yml")["jobs"]
    labels, plan = jobs.pop("labels"), jobs["plan"]
    assert set(re.findall(r"secrets\.(\w+)", str(jobs))) == {
        "MLFLOW_READER_USERNAME",
        "MLFLOW_READER_PASSWORD",
    }
    assert _checkout(labels)["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert plan["permissions"] == {"contents": "read"}
    assert "GITHUB_TOKEN" not in str(plan)


def test_secrets_reach_single_steps() -> None:
    """Each is given to a verb of mlgitops that needs it: to no job, session, action or set-up."""
    for file in [*FILES, *ACTIONS]:
        for line in file.read_text().splitlines():
            assert len(re.findall(r"^\s{10}\w+: .*(?:secrets\.|github\.token)", line)) == bool(
                re.search(r"secrets\b|github\.token|github\[", line)
            ), line
    for step in steps():
        if "secrets." in str(step) or "github.token" in str(step):
            assert step["run"].startswith("mlgitops ")
            assert "secrets." not in str({**step, "env": None})


def test_only_what_writes_has_the_login_that_writes() -> None:
    """Whoever set a reader's login runs models and images with no other."""
    writing = {
        step["run"].split()[1]
        for step in steps()
        for name, value in step.get("env", {}).items()
        if name == "MLFLOW_TRACKING_PASSWORD" and "secrets.MLFLOW_READER_PASSWORD" not in value
    }
    assert writing == {"announce", "apply", "train"}


def test_a_token_that_writes_runs_no_code_of_a_pull_request() -> None:
    """The job that comments has the base branch's code, and one file of the other job's: data."""
    for file in FILES:
        workflow = document(file)
        for job in workflow["jobs"].values():
            if "pull_request" in workflow["on"] and "write" in job["permissions"].values():
                assert _checkout(job)["ref"] == "${{ github.event.pull_request.base.sha }}"
                (fetched,) = (s for s in job["steps"] if "download-artifact" in s.get("uses", ""))
                assert fetched["with"] == {"name": "plan", "path": "plan"}
                (run,) = (step["run"] for step in job["steps"] if "run" in step)
                assert run.startswith("mlgitops github report plan/plan.md ")


def test_what_writes_to_the_registry_does_not_overlap() -> None:
    """Apply and the healing of drift wait for each other, and neither is cancelled."""
    apply = document(ROOT / ".github/workflows/apply.yml")
    drift = document(ROOT / ".github/workflows/drift.yml")
    together = {"group": "apply", "cancel-in-progress": False}
    assert apply["concurrency"] == drift["jobs"]["heal"]["concurrency"] == together
    for job in (*apply["jobs"].values(), *drift["jobs"].values()):
        assert job["environment"] == "production"


def test_healing_does_not_undo_what_was_merged_meanwhile() -> None:
    """A heal that waited applies what the branch of Apply says by then, not its run's commit."""
    apply = document(ROOT / ".github/workflows/apply.yml")
    drift = document(ROOT / ".github/workflows/drift.yml")["jobs"]
    (branch,) = apply["on"]["push"]["branches"]
    checkouts = {name: _checkout(job) for name, job in drift.items()}
    assert checkouts["heal"]["ref"] == f"refs/heads/{branch}"
    assert checkouts["look"]["fetch-depth"] == 0  # the grace is renewed by commits of the file


def _checkout(job: dict[str, Any]) -> dict[str, Any]:
    """What a job checks out, and how."""
    used = (step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    return dict(next(used)["with"])


def test_apply_takes_what_the_check_of_a_pull_request_measured() -> None:
    """It is asked for before the plan; plan and apply get it; the check keeps it by its name."""
    (apply,) = document(ROOT / ".github/workflows/apply.yml")["jobs"].values()
    verbs = [step["run"] for step in apply["steps"] if "run" in step]
    given = [run for run in verbs if "--checked checked.json" in run]
    assert [run.split()[1] for run in given] == ["plan", "apply"]
    assert verbs.index("mlgitops github verdicts --out checked.json") < verbs.index(given[0])
    assert apply["permissions"]["actions"] == "read"
    plan = document(ROOT / f".github/workflows/{verdicts.WORKFLOW}")["jobs"]["plan"]
    (kept,) = (s["with"] for s in plan["steps"] if "upload-artifact" in s.get("uses", ""))
    assert (kept["name"], kept["path"].split()[0]) == (verdicts.ARTIFACT, verdicts.PLAN)


def test_what_follows_an_apply_does_not_depend_on_its_success() -> None:
    """Images, deployments, records and the report follow an apply that failed or was refused.

    A recipe that fails, or an image, stops nothing, and the run fails in the end.
    """
    (job,) = document(ROOT / ".github/workflows/apply.yml")["jobs"].values()
    steps = {step["name"]: step for step in job["steps"] if "name" in step}
    tested, names = steps["Build and smoke-test the serving images"], list(steps)
    assert tested["continue-on-error"] is True
    assert "if" not in tested
    for name in names[names.index("Apply") + 1 :]:
        assert re.search(r"always\(\)|!cancelled\(\)", steps[name]["if"]), name
    last = steps["Fail if a version could not be trained, or an image failed its test"]
    failed = [f"steps.{step}.outcome == 'failure'" for step in ("train", tested["id"])]
    assert last["if"] == f"always() && ({' || '.join(failed)})"


def test_the_required_job_waits_for_all() -> None:
    """Branch protection needs one name; a job that was skipped or cancelled does not pass it."""
    all_jobs = document(ROOT / ".github/workflows/ci.yml")["jobs"]
    required = all_jobs.pop("required")
    assert set(required["needs"]) == set(all_jobs)
    assert required["if"] == "always()"
    condition = required["steps"][0]["if"]
    assert all(f"'{result}'" in condition for result in ("failure", "cancelled", "skipped"))

"""The rules that every workflow keeps, by parsing them as they lie here."""

from __future__ import annotations

import json
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
ACTIONS = [*sorted((ROOT / ".github").glob("actions/*/action.yml")), ROOT / "action.yml"]
PLANS = [ROOT / f".github/workflows/{name}.yml" for name in ("plan", "called-plan")]
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
    """Those of the loop, which other repositories can call; CI, by day and by night; releases."""
    names = {file.stem for file in FILES}
    loop = {"apply", "drift", "plan", "promote", "propose", "rollback", "site", "train"}
    called = {f"called-{name}" for name in loop}
    assert names == {"ci", "nightly", "release", *loop, *called}


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
    elif words[:2] == ["python3", "-I"]:
        assert words[2].startswith("$GITHUB_ACTION_PATH/")
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


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_secrets_reach_no_code_of_a_pull_request(file: Path) -> None:
    """Jobs with code of a pull request have no secret, no grant, and only runners of GitHub.

    The others have the base branch's code: who set a label is asked with a token that sees who is
    in a team; what would change, with the reader's login, and where the registry can be reached.
    """
    assert "pull_request_target" not in "".join(file.read_text() for file in FILES)
    jobs = document(file)["jobs"]
    assert jobs.keys() == {"labels", "check", "rehearse", "live", "report"}
    for name in ("check", "rehearse"):
        assert not re.search(
            r"secrets\b|github\.token|MLFLOW_|vars\.MLGITOPS", str(jobs[name]["steps"])
        )
        assert jobs[name]["permissions"] == {"contents": "read"}
        assert jobs[name]["runs-on"] == "ubuntu-24.04"
        assert "env" not in jobs[name] or jobs[name]["env"].keys() == {"MLGITOPS_LABELS"}
    for name in ("labels", "live", "report"):
        assert _checkout(jobs[name])["ref"] == "${{ github.event.pull_request.base.sha }}"
        # what the other jobs of a pull request can write to is not read
        assert "cache" not in next(s for s in jobs[name]["steps"] if _sets_up(s)).get("with", {})
    assert set(re.findall(r"secrets\.(\w+)", str(jobs["live"]))) == {
        "MLFLOW_READER_USERNAME",
        "MLFLOW_READER_PASSWORD",
    }


def _sets_up(step: dict[str, Any]) -> bool:
    return str(step.get("uses", "")).endswith("/.github/actions/setup")


def test_code_of_a_pull_request_stays_off_our_runners() -> None:
    """A runner of one's own is for jobs that reach the registry; of a pull request, for one."""
    for file in FILES:
        workflow = document(file)
        for name, job in workflow["jobs"].items():
            own = "vars.MLGITOPS_RUNNER" in job["runs-on"]
            if file in PLANS:
                assert own == (name == "live")
            assert own or job["runs-on"] == "ubuntu-24.04"


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


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_a_token_that_writes_runs_no_code_of_a_pull_request(file: Path) -> None:
    """The job that comments has the base branch's code, and files of another job: data."""
    job = document(file)["jobs"]["report"]
    (fetched,) = (s for s in job["steps"] if "download-artifact" in s.get("uses", ""))
    assert fetched["with"] == {"name": "plan", "path": "plan"}
    first, last = (step["run"] for step in job["steps"] if "run" in step)
    assert first.startswith("mlgitops github report plan/plan.md ")
    assert last == "exit 1"


@pytest.mark.parametrize("file", [*PLANS, ROOT / ".github/workflows/ci.yml"], ids=lambda f: f.stem)
def test_a_required_check_always_reports(file: Path) -> None:
    """No filter keeps it from running, on a pull request or in a merge queue; it waits for all.

    What was to be done and was not fails it.
    """
    workflow = document(file)
    assert "workflow_call" in workflow["on"] or {"pull_request", "merge_group"} <= set(
        workflow["on"]
    )
    assert not re.search(r"\bpaths(-ignore)?\b", str(workflow["on"]))
    jobs = workflow["jobs"]
    names = {job["name"]: name for name, job in jobs.items()}
    rules = json.loads((ROOT / ".github/rulesets/main.json").read_text())["rules"]
    (checks,) = (rule["parameters"] for rule in rules if rule["type"] == "required_status_checks")
    asked = [check["context"] for check in checks["required_status_checks"]]
    (required,) = (names[context] for context in asked if context in names)
    job = jobs.pop(required)
    assert set(job["needs"]) == set(jobs)
    assert job["if"] == "always()"
    condition = job["steps"][-1]["if"]
    assert "contains(needs.*.result, 'failure')" in condition
    assert "contains(needs.*.result, 'cancelled')" in condition


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
    plan = document(ROOT / f".github/workflows/{verdicts.WORKFLOW}")["jobs"]["live"]
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


def test_ci_skips_what_numbers_cannot_break() -> None:
    """Its jobs wait for the decision, and run unless it says that only models.yaml changed."""
    jobs = document(ROOT / ".github/workflows/ci.yml")["jobs"]
    for name in ("lint", "tests", "demo", "stack", "cluster"):
        assert jobs[name]["needs"] == "changes"
        assert jobs[name]["if"] == "${{ !cancelled() && needs.changes.outputs.other != 'false' }}"
    condition = jobs["required"]["steps"][-1]["if"]
    assert (
        "needs.changes.outputs.other != 'false' && contains(needs.*.result, 'skipped')" in condition
    )


def test_the_action_sets_up_as_the_workflows_do() -> None:
    """Its inputs mean the same, and it installs with the same program."""
    action, setup = (document(file) for file in (ROOT / "action.yml", ACTIONS[0]))
    assert action["inputs"]["extras"] == setup["inputs"]["extras"]
    for one in (action, setup):
        (step,) = (s for s in one["runs"]["steps"] if s.get("name") == "Install")
        assert step["run"].endswith('install.py"')

#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2025.5.1"]
# ///
"""Everything that people and CI run: `nox -l` lists it, `nox -s NAME` runs it.

Where nox is not installed, `python3 noxfile.py -s NAME` fetches it into `.nox/` first, at the
versions of requirements/nox.txt; it needs Python 3.11 or later and pip, nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def bootstrap() -> None:
    """Make nox importable without touching the interpreter's own packages."""
    if sys.version_info < (3, 11):  # noqa: UP036 (nothing has checked it yet)
        sys.exit("error: mlgitops needs Python 3.11 or later; this is " + sys.version.split()[0])
    lock = ROOT / "requirements" / "nox.txt"
    target = ROOT / ".nox" / f"bootstrap-{sys.version_info[0]}.{sys.version_info[1]}"
    done = target / ".complete"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        # into a folder: many systems forbid pip to install into the interpreter, and some have
        # no venv module
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [*pip, "--require-hashes", "--upgrade", "--target", str(target), "-r", str(lock)]
        subprocess.run(command, check=True)
        done.touch()
    sys.path.insert(0, str(target))


if __name__ == "__main__":
    bootstrap()

import nox  # noqa: E402

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

DEV = "requirements/dev.txt"


def install(session: nox.Session) -> None:
    """Install exactly what the lock says, then this repository itself."""
    session.install("--require-hashes", "-r", DEV)
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")


@nox.session
def demo(session: nox.Session) -> None:
    """The whole job: train, plan, apply, serve, smoke-test, promote, roll back."""
    install(session)
    session.run("python", "-m", "mlgitops.demo.play", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests that need no Docker, with branch coverage."""
    install(session)
    session.run("coverage", "erase")
    parallel = () if any(arg.startswith("-n") for arg in session.posargs) else ("-n", "auto")
    session.run(
        *("pytest", "--dist", "loadgroup", "--cov", "--cov-report=", "--ignore=tests/stack"),
        *parallel,
        *session.posargs,
    )
    if not session.posargs:
        # what runs in containers, and the demo, are run by the session `stack`
        elsewhere = (
            *("mlgitops/demo.py", "mlgitops/docker.py", "mlgitops/image/*", "mlgitops/deploy/*"),
            *("mlgitops/cli/image.py", "mlgitops/cli/deploy.py", "mlgitops/report/deployments.py"),
        )
        omitted = f"--omit={','.join(elsewhere)}"
        limits = ("--include=mlgitops/*", omitted, "--fail-under=95")
        session.run("coverage", "report", *limits)


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting, lint rules, types, the schemas, workflows."""
    install(session)
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    with session.chdir("stack/images/mlflow"):
        session.run("mypy", "--config-file", "../../../pyproject.toml", "--package", "inside")
    session.run("mlgitops", "schema", "--check", "models.schema.json")
    session.run("mlgitops", "schema", "--kind", "report", "--check", "report.schema.json")
    session.run("check-jsonschema", "--schemafile", "models.schema.json", "models.yaml")
    for kind, pattern in {
        "github-workflows": "workflows/*.yml",
        "github-actions": "actions/*/action.yml",
        "github-issue-forms": "ISSUE_TEMPLATE/[!c]*.yml",
        "github-issue-config": "ISSUE_TEMPLATE/config.yml",
        "dependabot": "dependabot.yml",
    }.items():
        files = [str(path) for path in sorted(Path(".github").glob(pattern))]
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{kind}", *files)
    session.run("zizmor", "--offline", "--pedantic", ".github")


@nox.session
def environment(session: nox.Session) -> None:
    """Install the command `mlgitops`; in GitHub Actions the next steps find it by its name."""
    install(session)
    if target := os.environ.get("GITHUB_PATH"):
        with Path(target).open("a", encoding="utf-8") as stream:
            stream.write(f"{Path(session.bin).resolve()}\n")


def mlgitops(session: nox.Session) -> None:
    """Run the verb of mlgitops that has the session's name."""
    install(session)
    session.run("mlgitops", session.name, *session.posargs)


@nox.session
def train(session: nox.Session) -> None:
    """Train the recipes of models.yaml that the registry lacks."""
    mlgitops(session)


@nox.session
def plan(session: nox.Session) -> None:
    """Show what apply would change."""
    mlgitops(session)


@nox.session
def apply(session: nox.Session) -> None:
    """Make the registry what models.yaml says."""
    mlgitops(session)


@nox.session
def serve(session: nox.Session) -> None:
    """Serve what a stage holds: nox -s serve -- MODEL STAGE."""
    mlgitops(session)


@nox.session
def rollback(session: nox.Session) -> None:
    """Put the former version back into models.yaml: nox -s rollback -- MODEL STAGE."""
    mlgitops(session)


@nox.session
def image(session: nox.Session) -> None:
    """Build or test a serving image: nox -s image -- build MODEL STAGE; needs Docker."""
    mlgitops(session)


@nox.session
def up(session: nox.Session) -> None:
    """Start the stack: MLflow on MySQL with an artifact server; needs Docker."""
    stack_verb(session)


@nox.session
def down(session: nox.Session) -> None:
    """Stop the stack; nox -s down -- --volumes removes its data too."""
    stack_verb(session)


@nox.session
def logs(session: nox.Session) -> None:
    """Show what the stack's services print."""
    stack_verb(session)


@nox.session(name="db-shell")
def db_shell(session: nox.Session) -> None:
    """Open a MySQL client on the stack's database."""
    stack_verb(session)


@nox.session
def backup(session: nox.Session) -> None:
    """Save the stack's database and artifacts into one file."""
    stack_verb(session)


@nox.session
def restore(session: nox.Session) -> None:
    """Bring the stack to what a backup holds: nox -s restore -- FILE."""
    stack_verb(session)


@nox.session
def upgrade(session: nox.Session) -> None:
    """Back up, then migrate the stack's schema to this version of MLflow."""
    stack_verb(session)


def stack_verb(session: nox.Session) -> None:
    """Run the verb of the stack that has the session's name."""
    install(session)
    session.run("python", "-m", "stack", session.name, *session.posargs)


@nox.session
def stack(session: nox.Session) -> None:
    """The tests that need Docker, and those of whole commands that take long without it."""
    install(session)
    session.run("pytest", "-n", "2", "--dist", "loadgroup", "tests/stack", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what the README claims."""
    install(session)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve the dependencies anew: nox -s lock -- --upgrade."""
    session.install("--require-hashes", "-r", "requirements/nox.txt")
    for name, options in {
        "runtime": ["pyproject.toml"],
        "dev": ["pyproject.toml", "--group", "dev", "-c", "requirements/runtime.txt"],
        "nox": ["--group", "nox"],
        "stack": ["--group", "stack", "-c", "requirements/runtime.txt"],
        "s3": ["--group", "s3"],
    }.items():
        session.run(
            *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-emit-index-url", "--custom-compile-command"),
            *("nox -s lock", *options, "-o", f"requirements/{name}.txt", *session.posargs),
        )


@nox.session
def schema(session: nox.Session) -> None:
    """Write models.schema.json and report.schema.json anew."""
    install(session)
    for kind in ("models", "report"):
        session.run("mlgitops", "schema", "--kind", kind, "--write", f"{kind}.schema.json")


if __name__ == "__main__":
    os.chdir(ROOT)
    nox.main()

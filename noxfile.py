#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2025.5.1"]
# ///
"""Everything that people and CI run: `nox -l` lists it, `nox -s NAME` runs it.

Where nox is not installed, `python3 -I noxfile.py -s NAME` fetches it into `.nox/` first, at the
versions of requirements/nox.txt; it needs Python 3.11 or later and pip, nothing else. Without `-I`,
a file of this folder would stand in for any module of Python's that has its name.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
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
        pip = [sys.executable, "-I", "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--require-hashes", "--upgrade"]
        command = [*pip, "--target", str(target), "-r", str(lock)]
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

BIN = ROOT / ".nox" / "environment" / "bin"
# one more than there are cores: some test always waits for a server or a time limit
WORKERS = str((os.cpu_count() or 1) + 1)
SAFE = {"PYTHONSAFEPATH": "1"}  # `python -m` imports nothing from the current folder


def install(session: nox.Session, lock: str, *, itself: bool = True) -> None:
    """Install exactly what a lock says, then this repository itself, unless that is there."""
    inputs = (ROOT / "requirements" / f"{lock}.txt", ROOT / "pyproject.toml")
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    done = Path(session.virtualenv.location) / ".installed"
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return
    # where no bytecode is written, each process that imports MLflow compiles 1,900 modules
    variables = SAFE | {"UV_COMPILE_BYTECODE": "1"}
    session.install("--require-hashes", "-r", str(inputs[0]), env=variables)
    if itself:
        session.install("--no-deps", "--no-build-isolation", "--editable", ".", env=SAFE)
    done.write_text(wanted, encoding="utf-8")


@nox.session
def environment(session: nox.Session) -> None:
    """Install `mlgitops` and all tools of development, for every other session."""
    install(session, "dev")


@nox.session
def mlflow2(session: nox.Session) -> None:
    """Install MLflow 2 and nothing else, for the tests of `stack` that run its server."""
    install(session, "mlflow2", itself=False)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the sdist into dist/, and try the wheel; -- v1.2.3: as this release."""
    shutil.rmtree("dist", ignore_errors=True)
    install(session, "build", itself=False)
    session.run("hatchling", "build", env=SAFE)
    (wheel,) = Path("dist").glob("*.whl")
    version = wheel.name.split("-")[1]
    if session.posargs not in ([], [f"v{version}"]):
        session.error(f"{session.posargs[0]} is not the version of mlgitops/__init__.py: {version}")
    constraint = ("--constraint", "requirements/runtime.txt")
    session.install("--force-reinstall", *constraint, str(wheel), env=SAFE)
    for kind in ("models", "included", "report"):
        check = ("schema", "--kind", kind, "--check", f"{kind}.schema.json")
        session.run("mlgitops", *check, env=SAFE)


# one environment for all: what was installed for one session serves every other
session_of_all = functools.partial(nox.session, venv_backend="none", requires=["environment"])


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the environment, which finds the others there by their names."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    session.run(str(BIN / program), *arguments, env=SAFE | {"PATH": path}, external=True)


@session_of_all
def demo(session: nox.Session) -> None:
    """The whole job: train, plan, apply, serve, smoke-test, promote, roll back."""
    run(session, "python", "-m", "stack.demo", *session.posargs)


def test_run(session: nox.Session, workers: str, *selected: str) -> None:
    """Run tests in several processes; the coverage of one session adds to that of another."""
    # measuring takes half as long again as the tests themselves
    measured = ("--cov-append", "--cov-report=") if "--cov" in session.posargs else ()
    parallel = () if any(arg.startswith("-n") for arg in session.posargs) else ("-n", workers)
    run(
        session,
        # groups start in the order of tests/conftest.py
        *("pytest", "--dist", "loadgroup", "--no-loadscope-reorder"),
        *measured,
        *parallel,
        *selected,
        *session.posargs,
    )


@session_of_all
def tests(session: nox.Session) -> None:
    """All tests that need no Docker or Kubernetes; `-- --cov`: for `coverage` to report."""
    if "--cov" in session.posargs:
        run(session, "coverage", "erase")
    test_run(session, WORKERS, "--ignore=tests/stack", "--ignore=tests/cluster")


@nox.session(venv_backend="none", requires=["environment", "mlflow2"])
def stack(session: nox.Session) -> None:
    """The tests that need Docker or take long without; -- --thorough: those of minutes, too."""
    test_run(session, WORKERS, "tests/stack")


@session_of_all
def cluster(session: nox.Session) -> None:
    """The tests that need Kubernetes, on the cluster of MLGITOPS_CLUSTER_KUBECONFIG alone."""
    # they share one node, and most of what they do is waiting for it
    test_run(session, "2", "tests/cluster")


@session_of_all
def matrix(session: nox.Session) -> None:
    """Build, smoke-test and compare models of all flavours, of which `stack` takes a sample."""
    every = SAFE | {"MLGITOPS_EVERY_FLAVOUR": "1"}
    program = str(BIN / "pytest")
    tested = ("-n0", "-v", "--thorough", "tests/stack/test_flavours.py", *session.posargs)
    session.run(program, *tested, env=every, external=True)


@session_of_all
def fuzz(session: nox.Session) -> None:
    """Read what nobody would write: nox -s fuzz -- --inputs N --seconds S --target NAME."""
    run(session, "python", "-m", "tests.fuzz", *session.posargs)


@session_of_all
def coverage(session: nox.Session) -> None:
    """How much of the engine was run with `-- --cov`; less than `tests` alone runs fails."""
    run(session, "coverage", "report", "--include=mlgitops/*", "--fail-under=85")


@session_of_all
def lint(session: nox.Session) -> None:
    """Formatting, lint rules, types, the schemas, workflows and their templates."""
    run(session, "ruff", "format", "--check", ".")
    run(session, "ruff", "check", ".")
    run(session, "mypy")
    with session.chdir("stack/images/mlflow"):
        run(session, "mypy", "--config-file", "../../../pyproject.toml", "--package", "inside")
    for kind in ("models", "included", "report"):
        run(session, "mlgitops", "schema", "--kind", kind, "--check", f"{kind}.schema.json")
    run(session, "check-jsonschema", "--schemafile", "models.schema.json", "models.yaml")
    run(session, "python", "-m", "harness.templates", "--check")
    run(session, "python", "-m", "harness.reference", "--check")
    for kind, pattern in {
        "github-workflows": "workflows/*.yml",
        "github-actions": "actions/*/action.yml",
        "github-issue-forms": "ISSUE_TEMPLATE/[!c]*.yml",
        "github-issue-config": "ISSUE_TEMPLATE/config.yml",
        "dependabot": "dependabot.yml",
    }.items():
        files = [str(path) for path in sorted(Path(".github").glob(pattern))]
        files += ["action.yml"] if kind == "github-actions" else []
        run(session, "check-jsonschema", "--builtin-schema", f"vendor.{kind}", *files)
    run(session, "zizmor", "--offline", "--pedantic", ".github", "action.yml")


def verb(name: str, about: str, *command: str) -> None:
    """A session that runs one verb of a command; what follows `--` is the verb's."""

    def session_of_verb(session: nox.Session) -> None:
        run(session, *command, name, *session.posargs)

    session_of_verb.__doc__ = about
    session_of_all(session_of_verb, name=name)


for _name, _about in {
    "train": "Train the recipes of models.yaml that the registry lacks.",
    "plan": "Show what apply would change.",
    "apply": "Apply models.yaml to the registry.",
    "serve": "Serve the version in a stage: nox -s serve -- MODEL STAGE.",
    "rollback": "Put the former version back into models.yaml: nox -s rollback -- MODEL STAGE.",
    "image": "Build or test a serving image: nox -s image -- build MODEL STAGE; needs Docker.",
}.items():
    verb(_name, _about, "mlgitops")

for _name, _about in {
    "up": "Start the stack: MLflow on MySQL with an artifact server; needs Docker.",
    "down": "Stop the stack; nox -s down -- --volumes removes its data too.",
    "logs": "Show what the stack's services print.",
    "db-shell": "Open a MySQL client on the stack's database.",
    "backup": "Save the stack's database and artifacts into one file.",
    "restore": "Restore a backup into the stack: nox -s restore -- FILE.",
    "upgrade": "Back up, then migrate the stack's schema to this version of MLflow.",
}.items():
    verb(_name, _about, "python", "-m", "stack")


@session_of_all
def bench(session: nox.Session) -> None:
    """Measure what docs/performance.md claims."""
    run(session, "python", "-m", "benchmarks", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve the dependencies anew: nox -s lock -- --upgrade; base images: -- --images."""
    session.install("--require-hashes", "-r", "requirements/nox.txt")
    if "--images" in session.posargs:
        files = (*Path("mlgitops").rglob("Dockerfile"), *Path("stack").rglob("Dockerfile"))
        session.run("python", "-m", "harness.bases", *map(str, sorted(files)))
        return
    engine = ("pyproject.toml", "--extra", "all", "--group", "build")
    worker = ("pyproject.toml", "--extra", "dask", "--extra", "review", "--extra", "train")
    for name, options in {
        "runtime": engine,
        "dev": [*engine, "--group", "dev", "-c", "requirements/runtime.txt"],
        "build": ["--group", "build", "-c", "requirements/runtime.txt"],
        "nox": ["--group", "nox"],
        "stack": ["--group", "stack", "-c", "requirements/runtime.txt"],
        "s3": ["--group", "s3"],
        "webhook": ["pyproject.toml", "--extra", "webhook", "-c", "requirements/runtime.txt"],
        "worker": [*worker, "-c", "requirements/runtime.txt"],
        "mlflow2": ["--group", "mlflow2"],
        "docs": ["--group", "docs"],
    }.items():
        session.run(
            *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-emit-index-url", "--custom-compile-command"),
            *("nox -s lock", *options, "-o", f"requirements/{name}.txt", *session.posargs),
        )


@session_of_all
def schema(session: nox.Session) -> None:
    """Write models.schema.json, included.schema.json and report.schema.json anew."""
    for kind in ("models", "included", "report"):
        run(session, "mlgitops", "schema", "--kind", kind, "--write", f"{kind}.schema.json")


@session_of_all
def templates(session: nox.Session) -> None:
    """Write the workflows of this repository anew, from the templates for all repositories."""
    run(session, "python", "-m", "harness.templates")


@session_of_all
def reference(session: nox.Session) -> None:
    """Write docs/reference/ anew, from the code that it describes."""
    run(session, "python", "-m", "harness.reference")


@session_of_all
def pictures(session: nox.Session) -> None:
    """Take the pictures of docs/ anew, from a real run: -- --data PATH; needs Chromium."""
    run(session, "python", "-m", "tests.pictures", *session.posargs)


@nox.session(requires=["environment"])
def docs(session: nox.Session) -> None:
    """Build the handbook into .mlgitops/handbook/site/, and copy it: [-- FOLDER]."""
    install(session, "docs", itself=False)
    run(session, "python", "-m", "harness.handbook")
    # a broken link fails
    session.run("zensical", "build", "--strict", "--config-file", ".mlgitops/handbook/mkdocs.yml")
    for folder in session.posargs:
        shutil.copytree(".mlgitops/handbook/site", folder, dirs_exist_ok=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    nox.main()

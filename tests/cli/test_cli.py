"""The command line: help, exit codes, formats, terminals and pipes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops import __version__

if TYPE_CHECKING:
    from tests.team import Team

ROOT = Path(__file__).resolve().parents[2]
VERBS = ["apply", "plan", "promote", "schema", "serve", "smoke", "status", "train", "validate"]


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run mlgitops as a process of its own, in the repository."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def test_help_names_every_verb_and_gives_examples(team: Team) -> None:
    """`mlgitops --help` and each verb's help show how it is used."""
    out = team.ok("--help").out
    assert [line.split()[0] for line in out.splitlines() if line[:2] == "  " and line.split()[0] in VERBS] == VERBS  # fmt: skip # noqa: E501
    assert "Exit codes" in out
    for verb in VERBS:
        assert f"Examples:\n    mlgitops {verb}" in team.ok(verb, "--help").out
    assert __version__ in team.ok("--version").out


@pytest.mark.parametrize("arguments", [["--help"], ["validate"], ["plan", "--help"]])
def test_offline_verbs_do_not_import_mlflow(arguments: list[str]) -> None:
    """Nor pandas or scikit-learn, which take as long; `nox -s bench -- startup` measures it."""
    code = (
        "import sys; from mlgitops.cli import run; "
        f"assert run({arguments!r}) == 0; "
        "heavy = {'mlflow', 'pandas', 'numpy', 'sklearn', 'sqlalchemy'} & sys.modules.keys(); "
        "assert not heavy, heavy"
    )
    ran = process("-c", code)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pln"], "No such command 'pln'"),
        (["plan", "--nonsense"], "No such option '--nonsense'"),
        (["promote", "wind"], "Missing argument 'STAGE'"),
        (["plan", "--format", "xml"], "Invalid value for '--format'"),
    ],
)
def test_a_wrong_command_line(team: Team, arguments: list[str], expected: str) -> None:
    """Exit code 64, which is no code of a plan, and where to find help."""
    ran = team.run(*arguments)
    assert ran.code == 64
    assert expected in ran.err
    assert "--help" in ran.err


def test_no_arguments_show_the_help(team: Team) -> None:
    """A bare `mlgitops` is no success, but helps."""
    ran = team.run()
    assert ran.code == 64
    assert "Usage: mlgitops" in ran.err


def test_validate_in_every_format(team: Team) -> None:
    """A wrong file has the same problems in text, Markdown and JSON."""
    team.write("models: {wind: {stages: {Production: true}}}\n")

    text = team.run("validate")
    assert (text.code, text.out) == (1, "")
    assert "error: models.yaml:1:26: wind Production: must be a whole number" in text.err

    document = team.run("validate", "--format", "json")
    assert document.code == 1
    assert document.document["problems"] == [
        {
            "file": "models.yaml",
            "line": 1,
            "column": 26,
            "model": "wind",
            "stage": "Production",
            "message": "must be a whole number, got true (a boolean)",
        }
    ]

    markdown = team.run("validate", "--format", "markdown")
    assert "| models.yaml:1:26 | wind | Production | must be a whole number" in markdown.out

    team.stages(Production=1)
    assert "models.yaml is valid: 1 model, 1 stage\n" in team.ok("validate").out
    assert team.ok("validate", "--format", "json").document["valid"]


def test_the_missing_file_is_named(team: Team) -> None:
    """By every verb that reads it, before anything else happens."""
    for verb in ("validate", "plan", "apply", "status", "train"):
        ran = team.run(verb, "--file", "nothing.yaml")
        assert ran.code == 1
        assert "error: nothing.yaml:1:1: does not exist" in ran.err


def test_the_schema_is_kept_and_checked(team: Team) -> None:
    """`schema --check` fails on a file that the code has left behind."""
    team.ok("schema", "--write", "s.json")
    team.ok("schema", "--check", "s.json")
    assert json.loads((team.folder / "s.json").read_text()) == team.ok("schema").document
    (team.folder / "s.json").write_text("{}")
    ran = team.run("schema", "--check", "s.json")
    assert (ran.code, "s.json is out of date" in ran.err) == (1, True)
    for kind in ("models", "included"):
        assert (ROOT / f"{kind}.schema.json").read_text() == team.ok("schema", "--kind", kind).out


def test_the_schema_agrees_with_the_code(team: Team) -> None:
    """What the schema refuses, `validate` refuses; and the repository's own file passes both."""
    import jsonschema
    import yaml

    schema = team.ok("schema").document
    own = yaml.safe_load((ROOT / "models.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(json.dumps(own)), schema)
    mistakes: list[object] = [{"models": {"a": {"stages": {"P": 0}}}}, {"models": {"a": {}}}, {"x": 1}]  # fmt: skip # noqa: E501
    for wrong in mistakes:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_plain_text_in_a_pipe_and_colour_on_request(team: Team) -> None:
    """No escape sequences in a pipe; NO_COLOR is respected where colour is forced."""
    team.versions(1)
    team.stages(Production=1)
    assert "\x1b" not in team.ok("plan").out
    assert "\x1b" not in team.run("nonsense").err


@pytest.mark.parametrize(("environment", "colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_on_a_terminal(tmp_path: Path, environment: dict[str, str], colour: bool) -> None:
    """On a real pseudo-terminal errors are red, unless NO_COLOR says otherwise."""
    code, shown = on_terminal("validate", "-f", str(tmp_path / "no.yaml"), **environment)
    assert code == 1
    assert b"does not exist" in shown
    assert colour == (b"\x1b[31m" in shown)


def test_no_message_collides_with_what_is_being_done(team: Team) -> None:
    """The line that says it, and the time so far, is cleared before a message is written."""
    team.write("models: {}\n")
    code, shown = on_terminal("plan", "--file", str(team.file), "--state", str(team.folder))
    assert code == 0
    assert b"reading the registry" in shown
    assert re.search(rb"reading the registry \S+\(0:0\d\)", shown)
    before, message, _ = shown.partition(b"using the embedded registry")
    assert message
    assert before.endswith((b"\r\x1b[2K", b"\x1b[?25l"))


def on_terminal(*arguments: str, **environment: str) -> tuple[int, bytes]:
    """Run a command on a pseudo-terminal: its exit code, and what it has written there."""
    import pty

    shown = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 1024)
        shown.extend(data)
        return b" " if data else data

    keep = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    variables = {**keep, "TERM": "xterm", **environment}
    command = ["env", "-i", *(f"{key}={value}" for key, value in variables.items())]
    code = pty.spawn([*command, sys.executable, "-m", "mlgitops", *arguments], read)
    return os.waitstatus_to_exitcode(code), bytes(shown)


def test_a_reader_that_goes_away() -> None:
    """`mlgitops --help | head -1` ends without a traceback."""
    command = f"{sys.executable} -m mlgitops schema | head -c 10"
    ran = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert ran.stderr == ""


def test_a_user_without_a_name_and_a_home(team: Team) -> None:
    """Such as a number in a container; nothing can be kept for them, and nothing fails."""
    team.stages()
    code = (
        "import os, pwd, sys\n"
        "os.environ.pop('HOME', None)\n"
        "pwd.getpwuid = {}.__getitem__\n"
        "from mlgitops.cli import main\n"
        f"sys.argv = ['mlgitops', 'status', '--file', {str(team.file)!r}]\n"
        "main()\n"
    )
    ran = process("-c", code, MLFLOW_TRACKING_URI=team.uri, MLGITOPS_OWNER="local")
    assert (ran.returncode, ran.stdout) == (0, "No stages are declared.\n"), ran.stderr


@pytest.mark.parametrize("text", ["\uff11", "1_0", "9" * 5000, "1.0", " 1", "+1", "nan"])
def test_a_number_is_written_in_plain_digits(team: Team, text: str) -> None:
    """Digits of other scripts, underscores and numbers without end are no versions and no ports."""
    team.stages(Production=1)
    for arguments in (
        ["promote", "wind", "Production", text],
        ["rollback", "wind", "Production", text],
        ["serve", "wind", "Production", "--port", text],
        *([] if text in ("1.0", "+1") else [["smoke", "wind", "1", "--timeout", text]]),
    ):
        ran = team.run(*arguments)
        assert (ran.code, ran.err.count("\n")) == (64, 1), arguments
    assert "Production: 1\n" in team.file.read_text()


@pytest.mark.parametrize("path", ["/dev/null", "/proc/x"])
def test_a_state_that_can_be_no_folder(team: Team, path: str) -> None:
    """One error that names it, and nothing is written there."""
    team.stages(Production=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")
        from mlgitops.cli import run

        assert run(["plan", "--file", str(team.file), "--state", path]) == 1
    assert f"{path} cannot be one: " in team.capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["validate", "--file"], ["plan", "--authors"], ["apply", "--plan"]]
)
def test_a_device_is_no_file(team: Team, arguments: list[str]) -> None:
    """/dev/zero never ends; no option that names a file waits for that."""
    team.stages(Production=1)
    ran = team.run(*arguments, "/dev/zero")
    assert (ran.code, "it is a device and no file" in ran.err) == (1, True), ran.err

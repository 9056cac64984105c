"""A version's requirements are a stranger's: packages of an index are taken, all else is refused.

Each text here is stored with a version and `image build` is asked for its image, where there is no
Docker: a refusal comes before Docker is asked.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from mlgitops.core.requirements import parse
from mlgitops.errors import RequirementsError, ResolveError
from mlgitops.image import resolve
from mlgitops.registry import required
from tests.answering import answering
from tests.team import Team

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s3cr3t-of-the-writer"
NO_DOCKER = "this needs Docker"
PYTHON = "python: 3.11.7\nbuild_dependencies:\n- pip==26.0\ndependencies:\n- -r requirements.txt\n"
OPTION, ADDRESS = r"the option {} is not allowed here; an index of your own goes", "an address"
NOT_ONE = r"no requirement \(PEP 508\)"
# kind → (what requirements.txt says, from its second line on; why it is refused)
REFUSED = {
    "extra index with a password": (
        "--extra-index-url http://{listener}/${{MLFLOW_TRACKING_PASSWORD}}/simple",
        "asks for a variable of this machine",
    ),
    "extra index": (
        "--extra-index-url http://{listener}/simple",
        OPTION.format("--extra-index-url"),
    ),
    "extra index, joined": (
        "--extra-index-url=http://{listener}/",
        OPTION.format("--extra-index-url"),
    ),
    "index": ("--index-url http://{listener}/simple", OPTION.format("--index-url")),
    "index, short": ("-i http://{listener}/simple", OPTION.format("-i")),
    "index, shortest": ("-ihttp://{listener}/simple", OPTION.format("-ihttp")),
    "links": ("--find-links http://{listener}/", OPTION.format("--find-links")),
    "links, short": ("-f /etc", OPTION.format("-f")),
    "trusted host": ("--trusted-host 127.0.0.1", OPTION.format("--trusted-host")),
    "no index": ("--no-index", OPTION.format("--no-index")),
    "sources": ("--no-binary :all:", OPTION.format("--no-binary")),
    "editable": ("-e .", OPTION.format("-e")),
    "editable, elsewhere": ("--editable /etc", OPTION.format("--editable")),
    "editable, git": ("-e git+http://{listener}/x.git#egg=x", OPTION.format("-e")),
    "included environment": ("-r /proc/self/environ", OPTION.format("-r")),
    "included file": ("--requirement ../../requirements.txt", OPTION.format("--requirement")),
    "included endless": ("-r/dev/zero", OPTION.format("-r")),
    "included address": ("-r http://{listener}/requirements.txt", OPTION.format("-r")),
    "constraints elsewhere": ("-c /etc/passwd", OPTION.format("-c")),
    "constraints above": ("-c ../constraints.txt", OPTION.format("-c")),
    "constraints of an address": ("-c http://{listener}/constraints.txt", OPTION.format("-c")),
    "package of an address": (
        "six @ http://{listener}/six-1.0-py3-none-any.whl",
        "'six' takes the package from an address",
    ),
    "package of git": ("six @ git+http://{listener}/six.git", "'six' takes the package from"),
    "package of a file": ("six @ file:///etc/six-1.0-py3-none-any.whl", "'six' takes the package"),
    "address": ("http://{listener}/six-1.0-py3-none-any.whl", ADDRESS),
    "address with a login": ("https://user:{secret}@127.0.0.1/six.tar.gz", ADDRESS),
    "git": ("git+ssh://git@127.0.0.1/six.git", ADDRESS),
    "folder": ("./six", NOT_ONE),
    "folder above": ("../../six", NOT_ONE),
    "archive": ("/etc/six-1.0.tar.gz", NOT_ONE),
    "wheel elsewhere": ("/etc/six-1.0-py3-none-any.whl", NOT_ONE),
    "wheel above": ("wheels/../../six-1.0-py3-none-any.whl", NOT_ONE),
    "wheel deeper": ("wheels/a/six-1.0-py3-none-any.whl", NOT_ONE),
    "wheel without a name": ("wheels/six.whl", "has no name of a wheel"),
    "wheel that is not there": ("wheels/six-1.0-py3-none-any.whl", "the version has no such file"),
    "hash": ("six==1.0 --hash=sha256:00", NOT_ONE),
    "option of a package": ("six==1.0 --config-settings=x", NOT_ONE),
    "variable in a version": ("six==${{HOME}}", "asks for a variable"),
    "variable in a marker": ("six; platform_version == '${{HOME}}'", "asks for a variable"),
    "variable in a comment": ("six # ${{MLFLOW_TRACKING_PASSWORD}}", "asks for a variable"),
    "variable of a shell": ("six===$HOME", "has characters of no requirement"),
    "command of a shell": ("six; touch /tmp/x", NOT_ONE),
    "substitution": ("six===`id`", "has characters of no requirement"),
    "quote that ends a marker": (
        """six; platform_version == '" --index-url "'""",
        "has characters of no requirement",
    ),
    "continued line": ("six \\\n--index-url http://{listener}/simple", "goes on in the next"),
    "continued option": ("--index-url \\\nhttp://{listener}/simple", OPTION.format("--index-url")),
    "carriage return": ("six\r--index-url http://{listener}/", r"the character U\+000D"),
    "form feed": ("six\f--index-url http://{listener}/", r"the character U\+000C"),
    "NUL": ("six\0", r"the character U\+0000"),
    "byte order mark": ("\ufeffsix", r"the character U\+FEFF"),
    "line separator": ("six\u2028-e .", r"the character U\+2028"),
    "colours": ("\x1b[31msix", r"the character U\+001B"),
    "letters that look alike": ("s\u0456x", NOT_ONE),
    "brackets without end": ("six; " + "(" * 1_500, NOT_ONE),
    "digits without end": ("six==" + "9" * 2_500, "more than 2,000 characters"),
    "lines without end": ("six\n" * 6_000, "more than 5,000 lines"),
    "bytes without end": ("# six\n" * 200_000, "more than 1,048,576 bytes"),
    "conda": ("dependencies:\n- pip:\n  - six", NOT_ONE),
}


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A server's address, and the paths that it was asked for."""

    address: str
    asked: list[str]


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """It has nothing, and keeps what it was asked for."""
    asked: list[str] = []

    def answer(path: str) -> tuple[int, str, str]:
        asked.append(path)
        return 404, "text/plain", ""

    with answering(answer) as url:
        yield Listener(address=url.removeprefix("http://"), asked=asked)


@pytest.fixture(scope="module")
def stored(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Team, Path]:
    """A registry with one version, wind 1, for all tests; and the folder of its payload."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / ".mlgitops").mkdir()
    shutil.copy(migrated, folder / ".mlgitops" / "mlflow.db")
    uri = f"sqlite:///{folder / '.mlgitops' / 'mlflow.db'}"
    team = Team(folder=folder, uri=uri, capsys=cast("pytest.CaptureFixture[str]", None))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        team.version()
    return team, team.payload(1)


@pytest.fixture
def wind(
    stored: tuple[Team, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Wind:
    """Wind 1 as its writer left it, who has a password and no Docker."""
    team, folder = stored
    shutil.rmtree(folder)
    folder.mkdir()
    for name, text in (
        ("MLmodel", "flavors: {}\n"),
        ("python_env.yaml", PYTHON),
        ("requirements.txt", "six\n"),
    ):
        (folder / name).write_text(text)
    monkeypatch.chdir(team.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.setenv("PATH", str(team.folder))
    return Wind(team=replace(team, capsys=capsys), folder=folder)


@dataclass(frozen=True, kw_only=True)
class Wind:
    """The version, and the folder of its payload."""

    team: Team
    folder: Path

    def error(self, *asked: str) -> str:
        """Why a verb, `image build` unless another is given, cannot do it."""
        ran = self.team.run(*(asked or ("image", "build", "wind", "1")))
        assert ran.code == 1
        assert ran.out == ""
        assert SECRET not in ran.err
        return ran.err.partition("error: ")[2]


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_package_is_refused(kind: str, wind: Wind, listener: Listener) -> None:
    """By its file, line, version and reason; nothing is asked, and no secret is shown."""
    text, why = REFUSED[kind]
    line = text.format(listener=listener.address, secret=SECRET) if "{" in text else text
    (wind.folder / "requirements.txt").write_text(f"mlflow==3.17.2\n{line}\n", newline="")
    error = wind.error()
    at = r"requirements\.txt:[12]|wheels/six-1\.0-py3-none-any\.whl:1"
    assert re.match(rf"({at}):1: wind 1: .*{why}", error), error
    assert len(error) < 1_000
    assert listener.asked == []


def test_all_lines_are_named_at_once(wind: Wind) -> None:
    """One run shows everything that has to be changed."""
    lines = ["six", "-e .", "pandas", "./x", "--no-index"]
    (wind.folder / "requirements.txt").write_text("\n".join(lines))
    assert re.findall(r"requirements\.txt:(\d):1: wind 1: ", wind.error()) == ["2", "4", "5"]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("requirements.txt", "/proc/self/environ"),
        ("constraints.txt", "/etc/passwd"),
        ("wheels/six-1.0-py3-none-any.whl", "/etc/passwd"),
        ("wheels", "/etc"),
        ("python_env.yaml", "/proc/self/environ"),
    ],
)
def test_links_out_of_the_artifact(name: str, target: str, wind: Wind) -> None:
    """They are refused, or were not downloaded: what they lead to is neither read nor shown."""
    named = "-c constraints.txt\nwheels/six-1.0-py3-none-any.whl\n"
    (wind.folder / "requirements.txt").write_text(named)
    (wind.folder / "constraints.txt").write_text("six\n")
    if name != "wheels":
        (wind.folder / "wheels").mkdir()
        (wind.folder / "wheels/six-1.0-py3-none-any.whl").write_text("a wheel")
    (wind.folder / name).unlink(missing_ok=True)
    (wind.folder / name).symlink_to(target)
    error = wind.error()
    assert NO_DOCKER not in error
    assert "root:" not in error


PYTHONS = {
    "major": "python: 3",
    "word": "python: latest",
    "tag": "python: 3.11-slim AS x",
    "more lines": 'python: "3.11.7\\n"',
    "number of a list": "- 3.11",
    "list": "python: [3, 11]",
    "variable": "python: ${HOME}",
    "option": "python: '3.11 --index-url x'",
    "other digits": "python: \uff13.11",
    "digits without end": "python: 3." + "1" * 5_000,
    "no bool": "python: !!bool maybe",
    "no float": "python: !!float x",
    "code": "python: !!python/object/apply:os.system [id]",
    "empty": "python: ''",
    "nothing": "",
    "NUL": "\0",
    "open": "{",
    "deep": "[" * 2_000 + "]" * 2_000,
    "deeper": "[" * 5_000,
}


@pytest.mark.parametrize("kind", PYTHONS)
def test_a_python_that_is_no_version(kind: str, wind: Wind) -> None:
    """It would be part of a command line and of a base image's name."""
    (wind.folder / "python_env.yaml").write_text(PYTHONS[kind])
    assert re.match(r"(wind version 1 does not say|python_env.yaml:1:1: wind 1: )", wind.error())


@pytest.mark.parametrize("created", ["soon", "[]", "!!float x", "2026-13-01", "'2026-01-01\\n'"])
def test_a_time_that_is_none(created: str, wind: Wind) -> None:
    """The image has no time then; a file that nobody can read is an error."""
    (wind.folder / "MLmodel").write_text(f"flavors: {{}}\nutc_time_created: {created}\n")
    assert re.match(rf"({NO_DOCKER}|.*MLmodel)", wind.error())


# file → (what it says; by which --env-manager it is refused)
ENVIRONMENTS = {
    "include": ("requirements.txt", "-r /proc/self/environ", "virtualenv"),
    "build": ("python_env.yaml", f"{PYTHON}build_dependencies: [-e .]\n", "virtualenv"),
    "shell": ("python_env.yaml", "python: 3.11; id", "uv"),
    "index": ("python_env.yaml", "python: '3.11'\ndependencies: [-i http://x.test]", "uv"),
    "text": ("python_env.yaml", "python: '3.11'\ndependencies: -e .", "uv"),
    "address": ("conda.yaml", "dependencies: [{pip: ['six @ http://x.test/six.whl']}]", "conda"),
    "variable": ("conda.yaml", "dependencies: [{pip: ['six==${HOME}']}]", "conda"),
    "other": ("conda.yaml", "dependencies: [{npm: [x]}]", "conda"),
    "channel": ("conda.yaml", "channels: ['http://x.test/${HOME}']", "conda"),
    "package": ("conda.yaml", "dependencies: ['http://x.test/x.conda']", "conda"),
    "prefix": ("conda.yaml", "prefix: /etc", "conda"),
    "lock": ("uv.lock", "", "uv"),
    "elsewhere": ("MLmodel", "flavors: {python_function: {env: ../conda.yaml}}", "conda"),
}


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_an_environment_to_serve_in(kind: str, wind: Wind) -> None:
    """`serve --env-manager` refuses the same, in the files that MLflow would install from."""
    name, text, manager = ENVIRONMENTS[kind]
    (wind.folder / name).write_text(text)
    error = wind.error("serve", "wind", "1", "--env-manager", manager)
    assert re.match(rf"({name}|requirements\.txt):\d:1: wind/1: ", error), error


def test_requirements_that_are_only_shown(wind: Wind) -> None:
    """`compare` shows what a file says, whatever it is; nothing that it names is read or asked."""
    lines = [b"six==1.0", b"six; " + b"(" * 1_500, b"-r /proc/self/environ", b"\xff\xfe", b"\0"]
    (wind.folder / "requirements.txt").write_bytes(b"\n".join(lines))
    ran = wind.team.run("compare", "wind", "1", "1")
    assert ran.code == 0
    assert SECRET not in ran.out + ran.err


def test_what_mlflow_writes(wind: Wind, tmp_path: Path) -> None:
    """Requirements of its flavours, constraints and libraries, written by MLflow's own code."""
    from mlflow.models.wheeled_model import WheeledModel
    from mlflow.utils import environment

    limits = tmp_path / "limits.txt"
    limits.write_text("numpy<3\nscipy>=1.11,!=1.12.0  # a comment\n")
    asked = ["scikit_learn[alldeps]>=1.6", "pandas ; python_version > '3.9'", f"-c {limits}"]
    _, lines, constraints = environment._process_pip_requirements([], asked)  # noqa: SLF001
    (wind.folder / "requirements.txt").write_text("\n".join(lines))
    (wind.folder / "constraints.txt").write_text("\n".join(constraints))
    assert "-c constraints.txt" in lines
    assert NO_DOCKER in wind.error()
    (wind.folder / "requirements.txt").write_text("# locked\r\nsix==1.17.0\r\n\r\n", newline="")
    assert NO_DOCKER in wind.error()
    (wind.folder / "wheels").mkdir()
    (wind.folder / "wheels/own_lib-1.0+cpu-py3-none-any.whl").write_bytes(b"a wheel")
    path = str(wind.folder / "requirements.txt")
    model = WheeledModel("models:/wind/1")
    model._overwrite_pip_requirements_with_wheels(path, str(wind.folder / "wheels"))  # noqa: SLF001
    assert NO_DOCKER in wind.error()


@pytest.mark.xdist_group("farm")
def test_what_real_versions_ask_for(farm: Team) -> None:
    """What recipes logged is taken as it is."""
    for number in ("1", "2"):
        uri = farm.client.get_model_version_download_uri("power-forecasting-model", number)
        folder = Path(uri.removeprefix("file://"))
        text = (folder / "requirements.txt").read_text()
        assert [str(one) for one in parse(text).packages] == text.split()
        for manager in ("uv", "virtualenv", "conda"):
            required.check(folder, number, manager)


LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from([text for text, _ in REFUSED.values() if len(text) < 100]),
        st.text("abc.-_[]=<>!~;'\"()@ \\${}#,/:*+0123\t\r\n", max_size=30).map("six".__add__),
        st.from_regex(r"[a-z]{1,5}(\[[a-z]\])?(==|>=|===)[0-9.a*$]{1,6}(; os_name == '.')?"),
    ),
    max_size=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES)
def test_whatever_a_file_says(lines: list[str]) -> None:
    """It is packages of PEP 508, written such that nothing else can be read from it; or refused."""
    try:
        found = parse("\n".join(lines))
    except RequirementsError:
        return
    for package in found.packages:
        again = Requirement(str(package))
        assert again.name == package.name
        assert again.url is None
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", package.name)
        assert not set(str(package)) & set("#$\\@/:\n\r\t")
    assert all(re.fullmatch(r"wheels/[^/]+\.whl", path) for _, path in found.wheels)


def test_uv_knows_no_secret(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is given is what it needs: a line that got through would find nothing to send."""
    import uv

    seen, spy = tmp_path / "seen", tmp_path / "uv"
    spy.write_text(f'#!/bin/sh\nenv > {seen}\nexec {os.fsdecode(uv.find_uv_bin())} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(spy))
    for name in ("MLFLOW_TRACKING_PASSWORD", "GITHUB_TOKEN", "UV_PUBLISH_TOKEN", "AWS_SECRET_KEY"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index = f"--index-url http://{listener.address}/${{MLFLOW_TRACKING_PASSWORD}}/simple"
    with pytest.raises(ResolveError, match="six"):
        resolve.locked("3.11", "linux/amd64", [index, "six"])
    assert SECRET not in seen.read_text()
    assert "UV_HTTP_RETRIES=0" in seen.read_text().splitlines()
    assert listener.asked
    assert not any(SECRET in path for path in listener.asked)

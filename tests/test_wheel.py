"""The engine as others install it: a wheel of `mlgitops` alone, bare."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from tests import wheels
from tests.wheels import Installed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proxy import Proxy
    from tests.team import Team


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return wheels.wheel(tmp_path_factory.mktemp("dist"))


def test_the_wheel_holds_the_engine_alone(wheel: Path) -> None:
    """No other name is taken at the top level, and data files are there."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mlgitops"}
    data = {"image/Dockerfile", "deploy/docker/compose.yaml", "report/templates/plan.html"}
    data |= {"deploy/docker/haproxy.cfg", "deploy/docker/proxy/run.sh"}
    data |= {"scaffold/templates/workflows/plan.yml", "scaffold/templates/team/dot_gitignore"}
    assert {f"mlgitops/{name}" for name in data} <= set(names)


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel without any extra."""
    return wheels.installed(wheel, tmp_path_factory.mktemp("bare"))


@pytest.mark.xdist_group("server")
def test_a_bare_install_validates_and_says_what_is_missing(bare: Installed) -> None:
    """Without any extra: help, validate and edits work; each other verb names what to install."""
    packages = {path.name for path in (bare.environment / "lib").glob("python*/site-packages/*")}
    assert not packages & {"mlflow", "numpy", "pandas", "sklearn", "matplotlib", "uvicorn"}
    assert "from Git" in bare.run("--help").stdout
    valid = bare.run("validate")
    assert (valid.returncode, valid.stderr) == (0, "")
    (bare.folder / "broken.yaml").write_text("models: 1\n", encoding="utf-8")
    broken = bare.run("validate", "--file", "broken.yaml", "--report", "broken.html")
    assert broken.returncode == 1
    assert "broken.yaml:1" in broken.stderr
    assert "broken.yaml:1" in (bare.folder / "broken.html").read_text(encoding="utf-8")
    assert bare.run("promote", "churn-model", "Production", "2").returncode == 0
    assert "Production: 2" in (bare.folder / "models.yaml").read_text(encoding="utf-8")
    for verb, extra in {
        ("plan", "--quick"): "review",
        ("status",): "review",
        ("train",): "train",
        ("image", "build", "churn-model", "2"): "image",
    }.items():
        ran = bare.run(*verb)
        assert ran.returncode == 1, ran
        assert f"pip install 'mlgitops[{extra}]'" in ran.stderr.splitlines()[-1]
        assert "Traceback" not in ran.stderr


@pytest.mark.xdist_group("server")
def test_a_bare_install_reconciles_a_server(remote: Team, proxied: Proxy, bare: Installed) -> None:
    """Without MLflow, a registry behind HTTP is imported, planned, applied and recorded."""
    team = Installed(environment=bare.environment, folder=remote.folder)
    remote.versions(2, "bare-model")
    remote.client.set_registered_model_alias("bare-model", "champion", "1")

    def ok(*arguments: str) -> str:
        ran = team.run(*arguments, "--registry", proxied.url)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    ok("import")
    assert "champion: 1" in remote.file.read_text(encoding="utf-8")
    text = remote.file.read_text(encoding="utf-8").replace("stages: [", "stages: [Production, ", 1)
    remote.write(text)
    team.run("promote", "bare-model", "Production", "2")
    assert "Production: empty → 2" in ok("plan", "--quick")
    applied = ok("apply", "--actor", "ada")
    assert "/#/runs/" in applied, "it is not recorded"
    assert "incomplete" not in applied
    assert remote.aliases("bare-model") == {"champion": 1, "production": 2}
    assert remote.classic("Production", "bare-model") == 2
    assert "in sync" in ok("status")

"""A model card says what is recorded of a version, and nothing that is not."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from mlgitops.registry.connect import connect
from mlgitops.registry.digest import of_folder

if TYPE_CHECKING:
    from tests.team import Team

WIND = "power-forecasting-model"

STAGED = f"""
models:
  {WIND}:
    description: Power of the *farm*
    owners: ["@wind-team"]
    gates:
      Production:
        - {{metric: test_r2, min: 0.99}}
        - {{metric: test_mae, max_regression: 2%}}
        - {{signature: compatible}}
    stages: {{Staging: 2, Production: 2}}
"""


def section(card: str, title: str) -> str:
    """What stands below a heading."""
    return card.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0].strip()


def commit(farm: Team, subject: str) -> None:
    """Commit models.yaml as somebody who does not apply it."""
    git = ["git", "-c", "user.name=lin", "-c", "user.email=lin@localhost"]
    for command in (["add", "models.yaml"], ["commit", "-qm", subject]):
        subprocess.run([*git, *command], cwd=farm.folder, check=True)


@pytest.mark.xdist_group("farm")
def test_a_card_says_what_is_recorded(farm: Team, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of the version in Production, by default: from models.yaml, its run, its payload, git."""
    subprocess.run(["git", "init", "-q"], cwd=farm.folder, check=True)
    farm.stages(WIND, Production=1)
    commit(farm, "Start")
    farm.ok("apply", "--actor", "ada")
    farm.write(STAGED.replace("0.99", "0.5"))
    commit(farm, "Promote 2")
    farm.ok("apply", "--actor", "grace")
    farm.ok("pin", WIND, "Staging")
    farm.write(farm.file.read_text().replace("0.5", "0.99"))

    assert (
        "card.md: power-forecasting-model version 2"
        in farm.ok("card", WIND, "--out", "card.md").out
    )

    card = (farm.folder / "card.md").read_text()
    folder = tmp_path_factory.mktemp("payload")
    digest = of_folder(connect(farm.uri).download(f"models:/{WIND}/2", folder))
    run = farm.client.get_run(farm.client.get_model_version(WIND, "2").run_id or "")
    assert run.inputs is not None
    for line in (
        "# power-forecasting-model, version 2",
        r"Power of the \*farm\*",
        r"| owners | \@&#8203;wind-team |",
        "| stages | Production, Staging |",
        f"| digest | {digest} |",
        "| pinned in models.yaml | Staging |",
        r'| recipe | \{"params":\{"estimator":"gradient\_boosting"',
        f"| test_r2 | {run.data.metrics['test_r2']:.3g} |".replace("_", r"\_"),
        f"| max_iter | {run.data.params['max_iter']} |".replace("_", r"\_"),
        r"| input | wind\_speed\_16 | double | yes |",
    ):
        assert f"\n{line}" in f"\n{card}", line
    (test,) = (i.dataset for i in run.inputs.dataset_inputs if i.tags[0].value == "test")
    assert f"| test | {test.name} | `{test.digest}` |".replace("_", r"\_") in section(card, "Data")
    gates = section(card, "Gates of its stages")
    assert r"| Production | test\_r2 min 0.99 | failed | at least 0.99 |" in gates
    assert "(version 1 has" in gates
    assert "| Production | signature compatible | passed |" in gates
    history = section(card, "Stage history")
    assert history.count("still | grace |") == 2
    assert "scikit-learn==" in section(card, "Requirements")
    assert f"mlgitops serve {WIND} Production --port 5001" in section(card, "How to call it")


def test_a_card_of_a_version_that_has_nothing(team: Team) -> None:
    """The latest, since no stage holds one: no payload, no run's record; each section says so."""
    team.versions(2)
    shutil.rmtree(team.folder / "mlruns", ignore_errors=True)
    ran = team.ok("card", "wind")
    assert ran.out.startswith("# wind, version 2\n")
    assert "| payload | cannot read version 2: " in ran.out
    for title in ("Data", "Metrics", "Parameters", "Signature", "Requirements"):
        assert section(ran.out, title) == "Not recorded."
    assert section(ran.out, "Stage history").startswith(
        "Neither git nor the registry records that it was in a stage"
    )
    assert "do not allow deriving a request" in section(ran.out, "How to call it")


def test_a_card_is_of_the_version_in_production(team: Team) -> None:
    """That is the last stage of the declaration that is production and holds one."""
    team.versions(3)
    team.write(
        "stages: [{name: blue, production: true}, {name: green, production: true}, qa]\n"
        "models: {}\n"
    )
    team.client.set_registered_model_alias("wind", "qa", "3")
    team.client.set_registered_model_alias("wind", "blue", "1")
    assert team.ok("card", "wind").out.startswith("# wind, version 1\n")
    team.client.set_registered_model_alias("wind", "green", "2")
    assert team.ok("card", "wind").out.startswith("# wind, version 2\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("solar",), "the registry has no model 'solar'"),
        (("wind", "9"), "wind has no version 9 in the registry; it has version 1"),
        (("wind", "Production"), "Production of wind is empty"),
        (("empty",), "empty has no version; register one first"),
        (("wind", "-f", "no.yaml"), "no.yaml:1:1: does not exist"),
    ],
)
def test_no_card(team: Team, arguments: tuple[str, ...], expected: str) -> None:
    """What does not exist has none, and one line says so."""
    team.versions(1)
    team.client.create_registered_model("empty")
    ran = team.run("card", *arguments)
    assert (ran.code != 0, ran.out) == (True, "")
    assert expected in ran.err

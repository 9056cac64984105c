"""Prompts of MLflow's prompt registry: the same stages, stamps, gates and rollbacks as models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.prompts import difference

if TYPE_CHECKING:
    from tests.team import Team

FILE = """
version: 2
stages: [Staging, Production]
models: {{}}
prompts:
  greeting:  # kept
    description: What the assistant says first
    gates: {{Production: [{{promoted_from: Staging}}, {{requires_tag: reviewed}}]}}
    stages:
      Staging: {staging}
      Production: {production}
"""


def registered(team: Team, *texts: object) -> None:
    """Versions of the prompt `greeting`, as people register them."""
    import mlflow

    mlflow.set_tracking_uri(team.uri)
    mlflow.set_registry_uri(team.uri)
    for text in texts:
        mlflow.genai.register_prompt("greeting", text, tags={"reviewed": "yes"})


def declared(team: Team, staging: int, production: int | str = "null") -> None:
    """Which versions the stages are to hold."""
    team.write(FILE.format(staging=staging, production=production))


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("over", ["HTTP", "MLflow's client"])
def test_a_prompt_is_promoted_read_by_its_alias_and_rolled_back(remote: Team, over: str) -> None:
    """The plan shows the lines that differ; no classic stage, payload or image is asked for."""
    import mlflow

    address = ("--registry", remote.uri) if over == "MLflow's client" else ()
    registered(remote, "Hello {{name}}\nHow are you?", "Good day {{name}}\nHow are you?")
    declared(remote, staging=1)
    remote.ok("apply", *address)
    declared(remote, staging=2)
    planned = remote.ok("plan", *address)
    assert "greeting" in planned.out
    lines = [line.split() for line in planned.out.splitlines()]
    assert ["-", "Hello", "{{name}}"] in lines
    assert ["+", "Good", "day", "{{name}}"] in lines
    remote.ok("apply", *address)
    declared(remote, staging=2, production=2)
    remote.ok("apply", *address)
    found = remote.client.get_prompt_version_by_alias("greeting", "staging")
    assert found.version == 2
    loaded = mlflow.genai.load_prompt("prompts:/greeting@production")
    assert loaded.template.startswith("Good day")
    stages = remote.ok("status", "--format", "json", *address).document["stages"]
    assert [(s["model"], s["stage"], s["state"]) for s in stages] == [
        ("greeting", "Staging", "in sync"),
        ("greeting", "Production", "in sync"),
    ]


def test_a_chat_and_its_settings_differ_line_by_line(team: Team) -> None:
    """A message is its role and its lines, not one line of JSON."""
    says = {"role": "system", "content": "Be brief.\nBe kind."}
    registered(team, [says], [{**says, "content": "Be brief.\nBe exact."}])
    declared(team, staging=1)
    team.ok("apply")
    declared(team, staging=2)
    (change,) = team.ok("plan", "--format", "json").document["changes"]
    assert change["comparison"]["text"] == [
        {"sign": " ", "text": "[system]"},
        {"sign": " ", "text": "Be brief."},
        {"sign": "-", "text": "Be kind."},
        {"sign": "+", "text": "Be exact."},
    ]
    team.ok("plan", "--report", "plan.html", "--report", "plan.md")
    for report in ("plan.html", "plan.md"):
        assert "Be exact." in (team.folder / report).read_text(encoding="utf-8")
    ran = team.ok("compare", "greeting", "1", "2")
    assert "Be exact." in ran.out
    assert "MLmodel" not in ran.out + ran.err  # it has no payload to miss


def test_gates_of_prompts_refuse_and_gates_of_models_are_errors(team: Team) -> None:
    """A prompt meets the gates that read stamps and tags; one that measures models has a line."""
    registered(team, "Hello", "Good day")
    declared(team, staging=1)
    team.ok("apply")
    declared(team, staging=1, production=2)
    ran = team.run("plan")
    assert ran.code == 3
    assert "it was never in Staging" in ran.out
    team.write(
        FILE.format(staging=1, production=1).replace(
            "{promoted_from: Staging}", "{metric: f1, min: 1}"
        )
    )
    ran = team.run("validate")
    assert ran.code == 1
    assert "models.yaml:8:" in ran.err
    assert "greeting Production: this gate measures models" in ran.err


def test_a_prompt_among_the_models_and_a_model_among_the_prompts_are_named(team: Team) -> None:
    """The line says under which key the entry belongs; nothing is applied."""
    registered(team, "Hello")
    team.versions(1)
    team.write(
        """
        version: 2
        models: {greeting: {stages: {Staging: 1}}}
        prompts: {wind: {stages: {Staging: 1}}}
        """
    )
    ran = team.run("apply")
    assert ran.code == 3
    assert "greeting Staging: this is a prompt, not a model; list it under 'prompts'" in ran.err
    assert "wind Staging: this is a model, not a prompt; list it under 'models'" in ran.err
    assert team.aliases() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompts: {a: {stages: {Staging: 1}}}", "'prompts' needs form 2"),
        (
            "version: 2\nmodels: {a: {stages: {}}}\nprompts: {a: {stages: {}}}",
            "'a' is listed under 'models', too",
        ),
        (
            "version: 2\nprompts: {a: {stages: {Staging: {version: 1, digest: 'sha256:%s'}}}}"
            % ("0" * 64),
            "a prompt has no payload to pin",
        ),
        ("version: 2\nprompts: {a: {stages: {}, versions: {}}}", "unknown key 'versions'"),
        ("version: 2\nstages: [Staging]", "missing key 'models'"),
    ],
)
def test_what_is_wrong_with_prompts_has_a_line(team: Team, text: str, said: str) -> None:
    """Form 1 has none; MLflow has one model or prompt of a name; prompts have no recipes."""
    team.file.write_text(text, encoding="utf-8")
    ran = team.run("validate")
    assert ran.code == 1
    assert said in ran.err


def test_a_prompt_is_edited_in_place_and_is_never_served(team: Team) -> None:
    """`promote` and `rollback` change its number alone; verbs of payloads say what it is."""
    registered(team, "Hello", "Good day")
    declared(team, staging=1)
    team.ok("promote", "greeting", "Staging", "2")
    assert team.file.read_text(encoding="utf-8") == _as_written(team, staging=2)
    team.ok("apply")
    for verb in (("card",), ("card", "1"), ("serve", "Staging")):
        ran = team.run(verb[0], "greeting", *verb[1:])
        assert ran.code != 0
        assert "greeting is a prompt, not a model" in ran.err, verb
    assert "greeting is a prompt" in team.run("pin", "greeting").err
    assert "nothing to pin" in team.ok("pin").out


def test_a_rollback_can_block_a_version_of_a_prompt(team: Team) -> None:
    """The block stands with the prompt; a rule that names no stage has its line there, too."""
    declared(team, staging=2)
    team.ok("rollback", "greeting", "Staging", "1", "--block", "--reason", "is rude")
    text = team.file.read_text(encoding="utf-8")
    assert "Staging: 1" in text
    assert "    blocked: {2: is rude}" in text
    team.file.write_text(text + "    promote: {Nowhere: newest}\n", encoding="utf-8")
    ran = team.run("validate")
    assert f"models.yaml:{text.count(chr(10)) + 1}:" in ran.err
    assert "greeting Nowhere:" in ran.err


def _as_written(team: Team, staging: int) -> str:
    before = team.file.read_text(encoding="utf-8")
    declared(team, staging)
    after = team.file.read_text(encoding="utf-8")
    team.file.write_text(before, encoding="utf-8")
    return after


def test_import_writes_prompts_that_stages_hold(team: Team) -> None:
    """Under their own key; the first plan of the imported file is empty."""
    import mlflow

    registered(team, "Hello")
    team.versions(1)
    mlflow.MlflowClient(registry_uri=team.uri).set_prompt_alias("greeting", "production", 1)
    team.file.unlink(missing_ok=True)
    team.ok("import")
    text = team.file.read_text(encoding="utf-8")
    assert "prompts:\n  greeting:\n    stages:\n      Production: 1\n" in text
    assert json.loads(team.ok("plan", "--format", "json").out)["changes"] == []


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_difference_holds_both_texts(old: list[str], new: list[str]) -> None:
    """Every line of the new text that the old one lacks is shown, and the other way round."""

    def tags(lines: list[str]) -> dict[str, str]:
        return {"mlflow.prompt.text": "\n".join(lines)}

    before, after = ("\n".join(lines).splitlines() for lines in (old, new))
    found = difference(tags(old), tags(new))
    assert {line for sign, line in found if sign == "+"} >= set(after) - set(before)
    assert {line for sign, line in found if sign == "-"} >= set(before) - set(after)
    assert bool(found) == (before != after)

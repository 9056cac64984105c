"""report.schema.json holds for what the command line prints, and refuses anything else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from mlgitops.core.evidence import Comparison, Past, Side
from mlgitops.core.metrics import differences
from mlgitops.core.version import Version
from mlgitops.deploy.values import Action, Outcome, Served, State, Step
from mlgitops.image.scan import Scan
from mlgitops.image.scan.values import (
    Audit,
    Finding,
    Grade,
    Image,
    Inventory,
    Leak,
    Licence,
    Package,
    Search,
    Vulnerability,
)
from mlgitops.recipes.versions import Trained
from mlgitops.report import comparison, document, markdown
from mlgitops.serve import smoke as serving
from tests.report import made
from tests.report.published import FILE, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.team import Team


def printed(found: Mapping[str, object]) -> Any:
    """A document as a reader of its JSON gets it; NaN would be no JSON."""
    return json.loads(json.dumps(found, allow_nan=False))


def test_the_file_is_what_the_code_says(team: Team) -> None:
    """`mlgitops schema --kind report` prints it, and it is a schema."""
    out = team.ok("schema", "--kind", "report").out
    assert FILE.read_text(encoding="utf-8") == out
    Draft202012Validator.check_schema(json.loads(out))
    team.ok("schema", "--kind", "report", "--check", str(FILE))
    ran = team.run("schema", "--kind", "models", "--check", str(FILE))
    assert (ran.code, "is out of date" in ran.err) == (1, True)


def test_what_the_registrys_verbs_print(team: Team) -> None:
    """Plans that are refused, applied or empty; status; history; problems and errors."""
    team.version(metrics={"test_mae": 361.0}, params={"estimator": "linear"})
    team.version(metrics={"test_mae": float("nan")})
    team.write(
        "{models: {wind: {gates: {S: [{metric: r2, min: 1}]}, stages: {S: 1, Production: 1}}},"
        " stages: [S, Production]}"
    )
    report = team.folder / "report.json"
    documents = [team.run("plan", "--format", "json", "--report", str(report)).document]
    assert documents == [json.loads(report.read_text(encoding="utf-8"))]
    for stages in ({"Production": 1}, {"Production": 2}, {"Production": None}):
        team.stages(**stages)
        documents += [team.run(verb, "--format", "json").document for verb in ("plan", "apply")]
    documents += [team.ok("status", "--format", "json").document]
    documents += [team.ok("validate", "--format", "json").document]
    team.stages(Production=0)
    ran = team.run("validate", "--format", "json", "--report", str(report))
    documents += [ran.document, json.loads(report.read_text(encoding="utf-8"))]
    kinds = [found["kind"] for found in documents]
    assert kinds == ["plan", *["plan", "apply"] * 3, "status", "validate", "validate", "error"]
    for found in documents:
        check(found)


def test_what_needs_servers_and_containers() -> None:
    """Documents of training, smoke tests, scans and deployments."""
    nan = Trained(model="m", number=1, run_id="r", metrics={"loss": float("nan")})
    request = serving.Probe(
        request="GET /ping",
        expected="200",
        actual="500",
        outcome=serving.ProbeResult.FAILED,
        milliseconds=1.5,
    )
    leak = Leak(layer="1 of 2", path="etc/key", line=1, kind="key")
    image = Image(
        tag="m:1",
        identity="sha256:1",
        created="2026-11-23T00:00:00Z",
        architecture="amd64",
        layers=(),
        labels={},
        environment=(),
        command=(),
    )
    package = Package(name="p", version="1", licence=Licence(expressions=("MIT",)))
    hole = Vulnerability(package="p", version="1", identity="X-1", aliases=("Y",), fixed=("2",))
    scan = Scan(
        image=image,
        inventory=Inventory(python="3.11", system=None, bill="{}", packages=(package,), debian=()),
        search=Search(files=1, layers=1, base=None, leaks=(leak,), published=(leak,)),
        audit=Audit(found=(hole,), unchecked="half"),
        checks=(Finding(outcome=Grade.UNCHECKED, check="c", found="f"),),
        bill="{}",
    )
    step = Step(action=Action.CREATE, deployment="d", place="h", model="m", stage="S", new="1")
    served = Served(deployment="d", place="h", model="m", stage="S", state=State.UNKNOWN)
    checks = serving.Report(url="http://h", model_uri="models:/m/1", checks=(request,))
    documents = [
        document.trained([nan]),
        document.smoke(checks),
        document.scan(scan),
        document.deploy_plan([step]),
        document.deployed([Outcome(step=step, error="no", exit_code=6)]),
        document.status([], [served]),
    ]
    kinds = ["train", "smoke", "scan", "deploy-plan", "deploy", "status"]
    assert kinds == [found["kind"] for found in map(printed, documents)]
    for found in documents:
        check(printed(found))


def test_nothing_else_passes() -> None:
    """A key too many, one too few, another version and a kind that is not known are refused."""
    good = printed(document.comparison(made.REGRESSION))
    whole = Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))
    whole.validate(good)
    less = {key: value for key, value in good.items() if key != "breaks"}
    for wrong in ({**good, "more": 1}, less, {**good, "version": 2}, {**good, "kind": "other"}):
        with pytest.raises(ValidationError):
            whole.validate(wrong)


NUMBERS = st.dictionaries(st.text(), st.floats(), max_size=3)
VERSIONS = st.builds(Version, number=st.integers(0, 9), status=st.just("READY"), metrics=NUMBERS)
SIDES = st.builds(Side, label=st.text(), version=VERSIONS, trouble=st.text())
PAST = st.builds(
    Past,
    number=st.integers(1, 99),
    metrics=NUMBERS,
    stages=st.lists(st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True), max_size=2).map(tuple),
)
TRIPLES = st.lists(st.tuples(st.text(), st.none() | st.text(), st.none() | st.text()), max_size=3)


@settings(max_examples=50)
@given(st.none() | SIDES, SIDES, TRIPLES, st.lists(PAST, max_size=3), st.booleans())
def test_any_comparison(
    old: Side | None,
    new: Side,
    triples: list[tuple[str, str | None, str | None]],
    past: list[Past],
    predicted: bool,
) -> None:
    """Whatever is known of two sides is JSON of the published form, and tables in Markdown."""
    found = Comparison(
        model="m",
        old=old,
        new=new,
        metrics=differences(old.version.metrics if old else {}, new.version.metrics),
        parameters=tuple(triples),
        requirements=tuple(triples),
        predictions=made.predictions() if predicted else None,
        history=tuple(past),
    )
    check(printed(document.comparison(found)))
    for block in markdown.report(comparison.report(found)).strip().split("\n\n"):
        if block.startswith("|"):
            cells = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in block.split("\n")}
            assert len(cells) == 1

"""Problems of models.yaml as SARIF 2.1.0, for GitHub's code scanning and for editors. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlgitops import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.errors import Problem, Where

_RULE = "models-yaml"


def log(problems: Sequence[Problem], more: str = "") -> dict[str, Any]:
    """A log of one run; without problems it has no results, which closes earlier alerts.

    Args:
        problems: in the order of the file; one without a place is said of the run.
        more: that there are others; empty if there are none.
    """
    placed = [(problem, problem.where) for problem in problems if problem.where]
    said = [*(str(problem) for problem in problems if not problem.where), *filter(None, [more])]
    rule = {
        "id": _RULE,
        "shortDescription": {"text": "models.yaml is not valid"},
        "defaultConfiguration": {"level": "error"},
    }
    invocation: dict[str, Any] = {"executionSuccessful": True}
    if said:
        notes = [{"level": "error", "message": {"text": text}} for text in said]
        invocation["toolExecutionNotifications"] = notes
    run = {
        "tool": {"driver": {"name": "mlgitops", "version": __version__, "rules": [rule]}},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": [_result(problem, where) for problem, where in placed],
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _result(problem: Problem, where: Where) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(where.file.replace("\\", "/"))},
        "region": {"startLine": where.line, "startColumn": where.column},
    }
    return {
        "ruleId": _RULE,
        "level": "error",
        "message": {"text": problem.told},
        "locations": [{"physicalLocation": place}],
    }

"""The issue that tells of drift: which stage, what it should be, what it is, since when. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.core.status import StageState
from mlgitops.deploy.values import Action
from mlgitops.report import wording
from mlgitops.report.markdown import block, table
from mlgitops.words import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from mlgitops.core.status import StageStatus
    from mlgitops.deploy.values import Step

_PRUNE = Action.PRUNE
MARKER = "<!-- mlgitops:drift -->"
LABEL = "mlgitops-drift"
CLEAN = "Every stage matches models.yaml again."
_STEPS = ("deployment", "place", "model", "stage", "should be", "is", "what differs", "first seen")
_SEEN = re.compile(r"<!-- mlgitops:seen (\{.*?\}) -->")
_HEADER = ("model", "stage", "should be", "is", "last set by mlgitops", "first seen wrong")
_ADVICE = """\
To correct it, run the workflow `apply`, or set the variable `DRIFT_HEAL` to `true`. To keep the
actual versions, change `models.yaml`. This issue closes by itself once every stage matches, and is
served as declared."""


def wrong(stages: Iterable[StageStatus], *, pending: bool) -> tuple[StageStatus, ...]:
    """The stages that are not what models.yaml says; those that are yet to be applied if asked."""
    states = {StageState.DRIFT, StageState.PENDING} if pending else {StageState.DRIFT}
    return tuple(stage for stage in stages if stage.state in states)


def behind(steps: Iterable[Step]) -> tuple[Step, ...]:
    """What a deploy would change; a place that does not answer is not drift."""
    return tuple(step for step in steps if step.action is not Action.NOTHING)


def title(stages: Sequence[StageStatus], steps: Sequence[Step] = ()) -> str:
    """The issue's title."""
    said = [f"{words.count(len(stages), 'stage')} not as declared"] if stages else []
    said += [f"{words.count(len(steps), 'stage')} not served as declared"] if steps else []
    return f"Drift: {', '.join(said)} in models.yaml"


def text(
    stages: Sequence[StageStatus], before: str, now: datetime, steps: Sequence[Step] = ()
) -> str:
    """The issue's text.

    Args:
        stages: those that are wrong.
        before: the issue's present text, which knows when each of them was first seen; or empty.
        now: the time of this check, in UTC.
        steps: what a deploy would change.
    """
    seen = _seen([*map(_key, stages), *map(_key_of_step, steps)], before, now)
    rows = [[*_row(stage), seen[_key(stage)]] for stage in stages]
    served = [[*_step(step), seen[_key_of_step(step)]] for step in steps]
    return "\n\n".join(
        [
            *([table(_HEADER, rows)] if rows else []),
            *([table(_STEPS, served)] if served else []),
            *(f"- {block(f'{s.model} {s.stage}: {s.note}')}" for s in stages if s.note),
            _ADVICE,
            f"<!-- mlgitops:seen {_commented(seen)} -->",
        ]
    )


def _row(stage: StageStatus) -> list[str]:
    stamp = stage.stamp
    by = f"{words.when(stamp.time)} by {stamp.actor}" if stamp else words.NONE
    by += f": {stamp.reason}" if stamp and stamp.reason else ""
    return [
        stage.model,
        stage.stage,
        wording.version_or_empty(stage.desired),
        wording.version_or_empty(stage.actual),
        by,
    ]


def _key(stage: StageStatus) -> str:
    """A stage together with what is wrong with it: other drift is new drift."""
    return f"{stage.model} {stage.stage} {wording.version_or_empty(stage.actual)}"


def _step(step: Step) -> list[str]:
    what = [*step.details, *(["models.yaml does not list it"] if step.action is _PRUNE else [])]
    head = [step.deployment, step.place, step.model, step.stage]
    return [*head, step.new or words.NONE, step.old or words.NONE, "; ".join(what)]


def _key_of_step(step: Step) -> str:
    return f"{step.place} {step.model} {step.stage} {step.action} {step.old}"


def _seen(keys: Iterable[str], before: str, now: datetime) -> dict[str, str]:
    known = _known(before)
    fresh = now.isoformat(timespec="seconds")
    return {key: known.get(key, fresh) for key in keys}


def _commented(seen: Mapping[str, str]) -> str:
    """As JSON that does not end the comment, whatever a model is called."""
    return json.dumps(seen, sort_keys=True).replace(">", "\\u003e")


def _known(before: str) -> Mapping[str, str]:
    found = _SEEN.search(before)
    if found is None:
        return {}
    try:
        document = from_json(found[1])
    except ValueError:
        return {}  # somebody edited the issue
    return {str(key): str(value) for key, value in document.items()}

"""What a deployment's commit says: what changes, and by which commit and pull request. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlgitops.deploy.kubernetes.names import owner_label
from mlgitops.deploy.values import Action
from mlgitops.words import count, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlgitops.deploy.values import Step, Wanted

_UNFIT = re.compile(r"[^a-z0-9-]+")


def branch(deployment: str, owner: str) -> str:
    """The branch of a deployment's pull request: the same every time."""
    return f"mlgitops/deploy/{_UNFIT.sub('-', deployment)}-{owner_label(owner)[:8]}"


def of(
    deployment: str,
    owner: str,
    steps: Sequence[Step],
    wanted: Sequence[Wanted],
) -> str:
    """The message: a title, a line for each stage, and trailers."""
    changed = [step for step in steps if step.action is not Action.NOTHING and not step.trouble]
    lines = [_line(step) for step in changed]
    title = lines[0] if len(lines) == 1 else f"Deploy {count(len(lines), 'stage')} of {deployment}"
    stages = {(step.model, step.stage) for step in changed}
    found = [one for one in wanted if (one.model, one.stage) in stages]
    trailers = [
        f"Mlgitops-Deployment: {plain(deployment)}",
        f"Mlgitops-Owner: {plain(owner)}",
        *_each("Mlgitops-Commit", (one.commit for one in found)),
        *_each(
            "Mlgitops-Pull-Request",
            (f"{owner}#{one.pull_request}" if one.pull_request else "" for one in found),
        ),
    ]
    body = [] if len(lines) == 1 else ["\n".join(lines)]
    return "\n\n".join([title, *body, "\n".join(trailers)])


def _line(step: Step) -> str:
    what = plain(f"{step.model} {step.stage}")
    if step.old == step.new:
        return f"Change how {what} serves version {step.new}"
    if not step.new:
        return f"Withdraw {what}, version {step.old}"
    instead = f", instead of {step.old}" if step.old else ""
    return f"Serve version {step.new} as {what}{instead}"


def _each(name: str, values: Iterable[str]) -> list[str]:
    return [f"{name}: {plain(value)}" for value in dict.fromkeys(values) if value]

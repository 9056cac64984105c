"""What is to be served, what really is, and the steps between: the same for every kind of place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mlgitops.words import NONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a stage is to serve.

    Attributes:
        version: None serves nothing: mlgitops has emptied the stage.
        commit, pull_request, actor: by which the stage got it, as its stamp says; empty where that
            is not known.
    """

    model: str
    stage: str
    version: int | None
    commit: str = ""
    pull_request: str = ""
    actor: str = ""

    def step(
        self,
        action: Action,
        deployment: str,
        place: str,
        *,
        old: str = "",
        details: tuple[str, ...] = (),
        trouble: str = "",
    ) -> Step:
        """What is to be done for it in a place; `old` is the version that is there."""
        return Step(
            action=action,
            deployment=deployment,
            place=place,
            model=self.model,
            stage=self.stage,
            old=old,
            new=str(self.version or ""),
            details=details,
            trouble=trouble,
        )


class State(StrEnum):
    """How what is served stands."""

    SERVING = "serving"
    BEHIND = "behind"  # another version than the stage holds
    REPLACING = "replacing"  # two versions are there
    DEGRADED = "degraded"  # fewer replicas than there should be
    DOWN = "down"  # no replica answers
    EMPTY = "empty"  # nothing is there
    UNKNOWN = "unknown"  # the place did not answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What really serves a stage in one place.

    Attributes:
        deployment: its name in models.yaml; empty where that is not known.
        place: a host, `CONTEXT/NAMESPACE`, or a repository, as people write it.
        version: as the image's label says; empty if nothing serves.
        digest: of its payload; `image`: the image's, by digest or id; `commit`: of its promotion.
        ready, replicas: those that answer, and those that there should be.
        url: where callers reach it; empty if only from inside.
        since: when it began to serve, ISO 8601, UTC; empty if not known.
        note: why it does not stand as it should, in words.
    """

    deployment: str
    place: str
    model: str
    stage: str
    state: State
    version: str = ""
    digest: str = ""
    image: str = ""
    commit: str = ""
    ready: int = 0
    replicas: int = 0
    url: str = ""
    since: str = ""
    note: str = ""


class Action(StrEnum):
    """What a step does."""

    CREATE = "create"  # nothing served before
    REPLACE = "replace"  # by another version, or another image
    CHANGE = "change"  # of how the same version is served
    WITHDRAW = "withdraw"  # its stage is empty
    PRUNE = "prune"  # models.yaml does not list it any more
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What is to be done for one stage in one place.

    Attributes:
        old, new: versions; empty for nothing.
        details: what else differs, a line each: `replicas: 2 → 3`.
        trouble: why this cannot be told or done; then nothing is done.
    """

    action: Action
    deployment: str
    place: str
    model: str
    stage: str
    old: str = ""
    new: str = ""
    details: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def pending(self) -> bool:
        """Whether there is something to do, or to mend."""
        return self.action is not Action.NOTHING or bool(self.trouble)

    def __str__(self) -> str:
        same = self.old == self.new
        versions = self.new or NONE if same else f"{self.old or NONE} → {self.new or NONE}"
        return f"{self.model} {self.stage} in {self.place}: version {versions}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a step.

    Attributes:
        error: why it failed; empty if it is done.
        exit_code: of the failure.
        url: where callers reach it now.
        remark: what is to be said of it, such as what its watch found.
    """

    step: Step
    error: str = ""
    exit_code: int = 0
    url: str = ""
    remark: str = ""

"""What the files of a repository depend on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import pydantic


class Engine(StrEnum):
    """Where jobs take mlgitops from."""

    LOCK = "lock"  # requirements/mlgitops.txt
    CHECKOUT = "checkout"  # this repository itself, as of the commit that a job checks out


class Trigger(StrEnum):
    """What starts the workflows."""

    OWN = "own"  # events of the repository
    CALL = "workflow_call"  # workflows of other repositories


class GitHub(StrEnum):
    """What GitHub offers: github.com by its plan, or Enterprise Server."""

    FREE = "free"
    TEAM = "team"
    ENTERPRISE = "enterprise"
    SERVER = "server"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What the templates ask; the defaults are those of a team's repository.

    Attributes:
        engine: where jobs take mlgitops from.
        trigger: what starts the workflows.
        github: what works there.
    """

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    engine: Engine = Engine.LOCK
    trigger: Trigger = Trigger.OWN
    github: GitHub = GitHub.TEAM

"""The pull requests that are open and change what models.yaml declares, as the site shows them.

It only reads. Without a token nobody is asked, and a token goes only to the GitHub that a job
runs on or that git's origin is on.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlgitops.github import proposed
from mlgitops.github.context import read
from mlgitops.github.elsewhere import variables
from mlgitops.github.labels import login
from mlgitops.github.repository import Repository
from mlgitops.site.values import PullRequest
from mlgitops.system import git
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mlgitops.history.paths import Files

MOST_ASKED = 50  # pull requests of people whose files are asked for, one request each
_PUBLIC = "https://github.com"


def repository_of(file: Path, environment: Mapping[str, str] | None = None) -> Repository | None:
    """The repository of models.yaml, for reading; None if it is not on GitHub, or no token is set.

    Args:
        file: models.yaml.
        environment: the variables of this process.
    """
    given = dict(os.environ if environment is None else environment)
    remote = git.origin(file) or ""
    found = variables(remote, given)
    in_job = bool(given.get("GITHUB_REPOSITORY"))
    if not in_job and not _is_github(variables(remote, {})["GITHUB_SERVER_URL"]):
        return None
    if not found.keys() >= {"GITHUB_REPOSITORY", "GITHUB_TOKEN"}:
        return None
    return Repository(read({**given, **found}))


def waiting(
    repository: Repository, declared: Files, stages: Iterable[tuple[str, str]], base: str
) -> Iterator[PullRequest]:
    """The open pull requests that propose something: those of mlgitops, then those of people.

    One that mlgitops opened tells its model and stage by its branch; of others, the files say
    whether they change what is declared.

    Args:
        repository: on GitHub.
        declared: where it has models.yaml, and what that includes.
        stages: the name of each model, with each of its stages.
        base: the branch that they are to be merged into.

    Raises:
        GitHubError: it cannot be read.
    """
    branches = {proposed.branch_of(model, stage): (model, stage) for model, stage in stages}
    by_people: list[Mapping[str, Any]] = []
    for pull in repository.open_pull_requests(base):
        head = pull.get("head") or {}
        place = branches.get(str(head.get("ref")))
        # a fork may call its branches as it likes
        if place and _name(head.get("repo")) == repository.name.lower():
            yield _shown(pull, *place)
        else:
            by_people.append(pull)
    for other in islice(by_people, MOST_ASKED):
        if any(map(declared.has, _paths(repository.changed_files(other["number"])))):
            yield _shown(other)


def _is_github(server: str) -> bool:
    return server == _PUBLIC or server.endswith(".ghe.com")


def _name(repository: Mapping[str, Any] | None) -> str:
    return str((repository or {}).get("full_name")).lower()


def _paths(changed: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in changed:
        yield from (str(one[key]) for key in ("filename", "previous_filename") if one.get(key))


def _shown(pull: Mapping[str, Any], model: str = "", stage: str = "") -> PullRequest:
    return PullRequest(
        number=int(pull["number"]),
        title=one_line(pull.get("title")),
        by=login(pull.get("user")),
        url=str(pull.get("html_url") or ""),
        model=model,
        stage=stage,
    )

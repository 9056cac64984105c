"""Answers → files, from the templates beside this module.

The delimiters are those of ERB: `${{ }}` is GitHub's, and a shell has `[[ ]]`, `{{`, `{%`, `{#`.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

from mlgitops.file.importing import OF_INCLUDED, SCHEMA
from mlgitops.file.schema import included_json_schema, json_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment

    from mlgitops.scaffold.answers import Answers

_GITHUB = ("workflows/", "actions/")
_TEAM = "team/"


def github(answers: Answers) -> dict[str, str]:
    """The workflows, and the action that installs mlgitops: path in the repository → text."""
    rendered = _rendered(_workflow, answers)
    return {name: text for name, text in rendered.items() if text.strip()}  # some hosts lack Pages


def team(answers: Answers) -> dict[str, str]:
    """All files of a team's repository, but for the lock: path in the repository → text."""
    return github(answers) | _rendered(_own, answers) | _schemas()


def _schemas() -> dict[str, str]:
    """What editors check models.yaml and what it includes by, of this version of mlgitops."""
    made = {SCHEMA: json_schema(), OF_INCLUDED: included_json_schema()}
    return {path: json.dumps(one, indent=2) + "\n" for path, one in made.items()}


def is_maintained(name: str) -> bool:
    """Whether a file of a team's repository follows its template; all others are examples."""
    return name.startswith(".")


def visible(name: str) -> str:
    """`.github/x` → `dot_github/x`, so that no tool takes a copy or a template for the file."""
    return "/".join(f"dot_{p[1:]}" if p.startswith(".") else p for p in name.split("/"))


def real(name: str) -> str:
    """The name that `visible` was given."""
    return "/".join(f".{p[4:]}" if p.startswith("dot_") else p for p in name.split("/"))


def _workflow(template: str) -> str | None:
    return f".github/{template}" if template.startswith(_GITHUB) else None


def _own(template: str) -> str | None:
    if not template.startswith(_TEAM):
        return None
    return real(template.removeprefix(_TEAM).removesuffix(".jinja"))


def _rendered(path: Callable[[str], str | None], answers: Answers) -> dict[str, str]:
    """The templates that have a path in the repository, with the answers filled in."""
    given = {field.name: getattr(answers, field.name) for field in fields(answers)}
    environment = _environment()
    return {
        name: environment.get_template(template).render(given)
        for template in environment.list_templates()
        if (name := path(template))
    }


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("mlgitops.scaffold"),
        autoescape=False,  # noqa: S701 - YAML and Markdown of this package, no HTML
        undefined=StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<%=",
        variable_end_string="%>",
        comment_start_string="<%#",
        comment_end_string="%>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

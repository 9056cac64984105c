"""Answers → files, from the templates beside this module.

The delimiters are those of ERB: `${{ }}` is GitHub's, and a shell has `[[ ]]`, `{{`, `{%`, `{#`.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.scaffold.answers import Answers

_GITHUB = ("workflows/", "actions/")


def github(answers: Answers) -> Mapping[str, str]:
    """The workflows, and the action that installs mlgitops: path in the repository → text."""
    return {
        f".github/{name}": rendered(name, answers)
        for name in _environment().list_templates()
        if name.startswith(_GITHUB)
    }


def rendered(name: str, answers: Answers) -> str:
    """A template's text with the answers filled in.

    Raises:
        jinja2.UndefinedError: the template asks what no answer says.
    """
    given = {field.name: getattr(answers, field.name) for field in fields(answers)}
    return _environment().get_template(name).render(given)


@cache
def _environment() -> Environment:
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

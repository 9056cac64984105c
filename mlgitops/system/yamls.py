"""YAML that others wrote, read within bounds: PyYAML has none."""

from __future__ import annotations

from typing import Any

import yaml

DEEPEST = 200  # levels; at some thousands libyaml's reader ends the process, others take hours
# whatever PyYAML raises of values that their tags do not fit
BROKEN = (
    *(AttributeError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError),
    yaml.YAMLError,
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check(text: str | bytes) -> None:
    """Return if a text is YAML that is not nested too deep.

    Raises:
        ValueError: it is.
        yaml.YAMLError: it is no YAML.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            msg = f"it is nested more than {DEEPEST} levels deep"
            raise ValueError(msg)


def load(text: str | bytes) -> Any:
    """What a text means, its tags those of YAML.

    Raises:
        Exception: one of BROKEN; it is no such text.
    """
    check(text)
    return yaml.load(text, _Loader)  # noqa: S506 - a safe one, faster

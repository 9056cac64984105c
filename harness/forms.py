"""A JSON Schema as tables in Markdown, one for each form: docs/reference/models-yaml.md."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REFERENCE = "#/$defs/"
_WORDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}


def tables(schema: Mapping[str, Any]) -> Iterator[str]:
    """The keys of the file, then those of each form, in the order in which they are first named."""
    forms = schema["$defs"]
    yield from _table(schema, "The file", "", forms)
    for name in _named(schema):
        yield from _table(forms[name], _title(name), forms[name].get("description", ""), forms)


def _table(
    form: Mapping[str, Any], title: str, about: str, forms: Mapping[str, Any]
) -> Iterator[str]:
    yield f"## {title}\n"
    if about:
        yield f"{about}\n"
    yield "| key | value | |"
    yield "|---|---|---|"
    required = form.get("required", ())
    for key, value in form["properties"].items():
        notes = [escaped(value.get("description") or _about(value, forms)), _default(value)]
        notes = ["required", *notes] if key in required else notes
        yield f"| `{key}` | {escaped(_kind(value))} | {'; '.join(filter(None, notes))} |"
    yield ""


def _about(value: Mapping[str, Any], forms: Mapping[str, Any]) -> str:
    """What the form of a value is for, where the key says no more."""
    references = re.findall(rf'"{re.escape(_REFERENCE)}(\w+)"', json.dumps(value))
    if len(references) != 1:
        return ""
    text = str(forms[references[0]].get("description", ""))
    return text[:1].lower() + text[1:].rstrip(".")


def _named(schema: Mapping[str, Any]) -> list[str]:
    """The names of all forms, breadth first."""
    found: list[str] = []
    rest: list[object] = [schema["properties"]]
    while rest:
        for name in re.findall(rf'"{re.escape(_REFERENCE)}(\w+)"', json.dumps(rest.pop(0))):
            if name not in found:
                found.append(name)
                rest.append(schema["$defs"][name])
    return found


def _kind(value: Mapping[str, Any]) -> str:
    """What a value is, in words; a form as a link to its table."""
    several = value.get("anyOf", value.get("oneOf"))
    if several:
        return " or ".join(_kind(one) for one in several if one.get("type") != "null")
    if reference := value.get("$ref"):
        title = _title(reference.removeprefix(_REFERENCE))
        return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
    if "const" in value or "enum" in value:
        return " or ".join(f"`{one}`" for one in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {_kind(value['items'])}"
    if value.get("type") == "object":
        inner = [value.get("additionalProperties"), *value.get("patternProperties", {}).values()]
        kinds = [_kind(one) for one in inner if isinstance(one, dict)]
        return f"map of names to {' or '.join(kinds) or 'anything'}"
    bounds = [f"from {value['minimum']}"] if "minimum" in value else []
    bounds += [f"to {value['maximum']}"] if value.get("maximum", 2**31 - 1) < 2**31 - 1 else []
    return " ".join([_WORDS[value["type"]], *bounds])


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if default is None or isinstance(default, dict):  # those of a form are in its own table
        return ""
    return f"default `{escaped(default if isinstance(default, str) else json.dumps(default))}`"


def _title(name: str) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Form")).capitalize()
    return {"File exception": "Exception for all models", "Model exception": "Exception"}.get(
        words, words
    )


def escaped(text: str) -> str:
    """Text for a cell of a table in Markdown, in one line."""
    return " ".join(re.sub(r"([|<*])", r"\\\1", text).split())

"""What a version of a prompt says, and how two versions differ. Pure.

MLflow keeps a prompt as a registered model, and its text in a tag of each version: a template, or a
list of messages as JSON (`mlflow.prompt.constants`, `mlflow.entities.model_registry`).
"""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from mlgitops.words import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IS_PROMPT = "mlflow.prompt.is_prompt"  # the tag of a prompt, and of its versions
_TEXT = "mlflow.prompt.text"
_KIND = "_mlflow_prompt_type"
# what a version says beside its text
_BESIDE = {
    "_mlflow_prompt_response_format": "response format",
    "_mlflow_prompt_model_config": "model configuration",
}
_CONTEXT = 3  # lines around each difference, as diff -u shows
_SKIPPED = "…"
Line = tuple[str, str]  # "+", "-", " " or "…", and a line of the text


def is_prompt(tags: Mapping[str, str]) -> bool:
    """Whether tags are those of a prompt, or of a version of one."""
    return tags.get(IS_PROMPT, "").lower() == "true"


def lines(tags: Mapping[str, str]) -> list[str]:
    """The text of a version, line by line; of a chat, each message begins with who says it."""
    text = tags.get(_TEXT, "")
    said = list(_messages(text)) if tags.get(_KIND) == "chat" else text.splitlines()
    for tag, name in _BESIDE.items():
        if tags.get(tag):
            said += ["", f"[{name}]", *_pretty(tags[tag]).splitlines()]
    return said


def difference(old: Mapping[str, str] | None, new: Mapping[str, str]) -> tuple[Line, ...]:
    """The lines that differ between two versions, with some around them; all, without an old one.

    Args:
        old: the tags of the old version, if there is one.
        new: those of the new one.
    """
    before, after = lines(old) if old is not None else [], lines(new)
    found: list[Line] = []
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_CONTEXT)
    for block in blocks:
        if block[0][1]:
            found.append((_SKIPPED, ""))
        for kind, i1, i2, j1, j2 in block:
            if kind == "equal":
                found += [(" ", line) for line in before[i1:i2]]
            else:
                found += [("-", line) for line in before[i1:i2]]
                found += [("+", line) for line in after[j1:j2]]
    return tuple(found)


def _messages(text: str) -> Iterator[str]:
    try:
        listed: Any = from_json(text)
    except ValueError:
        listed = text
    for one in listed if isinstance(listed, list) else [listed]:
        message = one if isinstance(one, dict) else {"content": one}
        content = message.get("content")
        yield f"[{message.get('role', 'text')}]"
        yield from (content if isinstance(content, str) else json.dumps(content)).splitlines()


def _pretty(text: str) -> str:
    try:
        return json.dumps(from_json(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text

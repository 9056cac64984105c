"""Completion in shells: verbs, options, models, stages and versions, by click's own mechanism.

Offline, and without what a verb needs to run: only models.yaml is read. What cannot be read, or is
no models.yaml, completes nothing; a shell has no place for errors.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from mlgitops.core.stage import PRODUCTION, STAGING
from mlgitops.errors import MlgitopsError
from mlgitops.words import brief, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MODELS, MODEL, STAGE, VERSION, HELD = "models", "model", "stage", "version", "stage or version"
DEPLOYMENTS = "deployments"

# verb → what its arguments are, in their order
TAKES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("apply", "plan", "status", "unused"), (MODELS,)),
    **dict.fromkeys(("history", "pin"), (MODEL, STAGE)),
    **dict.fromkeys(("promote", "propose", "rollback"), (MODEL, STAGE, VERSION)),
    **dict.fromkeys(("card", "serve", "smoke"), (MODEL, HELD)),
    "add-version": (MODEL,),
    "compare": (MODEL, HELD, HELD),
    "deploy": (DEPLOYMENTS,),
    "train": (MODELS,),
}
_WIDEST = 60  # characters of what is said of a word
_LARGEST = 1 << 20  # bytes: to read more takes longer than a person waits for a key


class Completed(click.Command):
    """What stands for a verb while its arguments are completed: it takes any words."""

    def __init__(self, name: str, load: Callable[[], click.Command]) -> None:
        file = click.Option(["--file", "-f"], type=click.Path(), default="models.yaml")
        words = click.Argument(["words"], nargs=-1, shell_complete=self._words)
        settings = {"ignore_unknown_options": True}
        super().__init__(name, params=[file, words], context_settings=settings)
        self._load = load

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verb's own options."""
        return self._load().shell_complete(self._real(ctx), incomplete)

    def _real(self, ctx: click.Context) -> click.Context:
        """The context of the verb itself."""
        return click.Context(self._load(), info_name=self.name, parent=ctx.parent)

    def _words(
        self, ctx: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        before = [*(ctx.params.get("words") or ())]
        if before and before[-1].startswith("-"):
            for option in self._load().params:
                if before[-1] in option.opts and not getattr(option, "is_flag", False):
                    return option.shell_complete(self._real(ctx), incomplete)
        file = Path(str(ctx.params.get("file") or "models.yaml"))
        found = _offered(_read(file), TAKES.get(str(self.name), ()), before)
        return [
            CompletionItem(value, help=brief(plain(about), _WIDEST) or None)
            for value, about in found
            if value.startswith(incomplete) and shlex.quote(value) == value
        ]


def _read(file: Path) -> Mapping[str, Any]:
    """The models of a models.yaml with what it says of each; nothing where it cannot be read."""
    from mlgitops.file import texts
    from mlgitops.file.document import parse

    try:
        if file.stat().st_size > _LARGEST:
            return {}
        found = texts.read(file)
        if sum(len(one.text) for one in found.included) > _LARGEST:
            return {}
        data = (found.document or parse(found.text, str(file))).data
        others = [parse(one.text, one.name).data for one in found.included]
    except (MlgitopsError, OSError, ValueError):
        return {}
    models: dict[Any, Any] = {}
    for one in (data, *others):
        models.update(_mapping(one.get("models") if isinstance(one, dict) else None))
    stages = data.get("stages") if isinstance(data, dict) else None
    places = data.get(DEPLOYMENTS) if isinstance(data, dict) else None
    return {
        "models": models,
        "stages": stages if isinstance(stages, list) else [],
        DEPLOYMENTS: _mapping(places),
    }


def _offered(
    said: Mapping[str, Any], takes: Iterable[str], before: list[str]
) -> Iterator[tuple[str, str]]:
    """What may come after some words, and what is said of it."""
    if DEPLOYMENTS in takes:
        for name, of in _mapping(said.get(DEPLOYMENTS)).items():
            if name not in before:
                yield str(name), str(_mapping(of).get("kind") or "")
        return
    models = _mapping(said.get("models"))
    given = next((number for number, word in enumerate(before) if word in models), None)
    if given is None or MODELS in takes:
        for name, of in models.items():
            if name not in before and takes:
                yield str(name), str(_mapping(of).get("description") or "")
        return
    kinds, of = list(takes), _mapping(models[before[given]])
    place = len(before) - given
    kind = kinds[place] if place < len(kinds) else ""
    if kind in (STAGE, HELD):
        yield from _stages(said, of)
    if kind in (VERSION, HELD):
        yield from _versions(of)


def _stages(said: Mapping[str, Any], of: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    declared = [one.get("name") if isinstance(one, dict) else one for one in said["stages"]]
    held = _mapping(of.get("stages"))
    for name in dict.fromkeys(map(str, (*(declared or (STAGING, PRODUCTION)), *held))):
        number = _number(held.get(name))
        yield name, f"version {number}" if number else "empty"


def _versions(of: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """The versions that the file names, but for those that are blocked."""
    recipes, blocked = _mapping(of.get("versions")), _mapping(of.get("blocked"))
    stages: dict[int, list[str]] = {}
    for name, held in _mapping(of.get("stages")).items():
        if number := _number(held):
            stages.setdefault(number, []).append(str(name))
    known = {number for number in (*recipes, *stages) if isinstance(number, int)}
    for number in sorted(known - blocked.keys()):
        recipe = str(_mapping(recipes.get(number)).get("train") or "")
        yield str(number), ", ".join(filter(None, (*stages.get(number, ()), recipe)))


def _number(held: object) -> int | None:
    number = held.get("version") if isinstance(held, dict) else held
    return number if isinstance(number, int) else None


def _mapping(found: object) -> Mapping[Any, Any]:
    return found if isinstance(found, dict) else {}

"""Every file of the site, as text. Pure: the same data, the same files."""

from __future__ import annotations

import json
import os
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any

from mlgitops import __version__, words
from mlgitops.core.signature import said
from mlgitops.core.stage import alias_of
from mlgitops.core.status import StageState
from mlgitops.report.card import facts
from mlgitops.report.page import templates, web
from mlgitops.report.record import request
from mlgitops.site import cards, feed, metrics, timeline
from mlgitops.site.values import grouped
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from jinja2 import Template

    from mlgitops.history.stays import Stay
    from mlgitops.site.values import ModelShown, Need, Origin, Site, StageShown

MODELS_A_PAGE = 200
_NEEDS = 100  # that the front page lists
_NEWEST = 200  # changes of the page; the feed has fewer
_IN_FEED = 50
_LETTER = 7  # pixels of a badge, about
_GOOD, _BAD, _WARY, _NONE = "#2a7d3f", "#b3161b", "#8a5300", "#5c6670"
_COLOURS = {
    StageState.IN_SYNC: _GOOD,
    StageState.DRIFT: _BAD,
    StageState.PENDING: _WARY,
}
_WORKFLOWS = (("Promote", "promote.yml"), ("Roll back", "rollback.yml"))


def files(site: Site, base: str = "") -> Iterator[tuple[str, str]]:
    """The path of each file below the folder of the site, and its text.

    Args:
        site: what it shows.
        base: the address that it is published at, with a slash at its end; empty if not known.
    """
    yield "site.css", _template("site.css").render()
    yield "site.js", _template("site.js").render()
    yield from _index(site)
    needs = grouped(site.needs, lambda one: one.model.name if one.model else "")
    applies = site.applies
    records = frozenset(applies)
    stays: list[tuple[ModelShown, Stay]] = []
    page = _page("model.html", site.origin, root="../", here="model")
    for model in site.models:
        stays += ((model, stay) for stay in model.stays)
        shown = page(
            model=model,
            needs=needs.get(model.name, ()),
            stays=sorted(model.stays, key=lambda one: one.came)[::-1],
            records=records,
            timeline=timeline.drawn(model.stays, site.origin.made, model.lost),
            metrics=metrics.shown(model),
            pairs=list(metrics.pairs(model, site.stages)),
            cards=list(cards.of(model)),
            facts=facts,
            fields=said,
            actions=partial(_actions, site.origin),
            calls=partial(_calls, model),
        )
        yield f"models/{model.key}.html", shown
        for stage in model.stages:
            name = f"models/{model.key}.{alias_of(stage.status.stage)}.svg"
            yield name, _badge(model, stage)
    changes = sorted(stays, key=lambda one: one[1].came)[::-1]  # of the same second, too
    page = _page("changes.html", site.origin, root="", here="changes")
    yield "changes.html", page(changes=changes[:_NEWEST], records=records)
    yield "feed.xml", feed.atom(changes[:_IN_FEED], site.origin, base)
    keys = {model.name: model.key for model in site.models}
    page = _page("apply.html", site.origin, root="../", here="apply")
    for record, entries in applies.items():
        yield f"applies/{record}.html", page(entries=entries, keys=keys)
    yield from _data(site, stays)


def _index(site: Site) -> Iterator[tuple[str, str]]:
    shown = [(model, *_cells(model, site.stages)) for model in site.models]
    pages = max(1, -(-len(shown) // MODELS_A_PAGE))
    common = {
        "site": site,
        "pages": pages,
        "most": _NEEDS,
        "teams": sorted({team for model in site.models for team in model.owners}),
        "states": [state.value for state in StageState],
    }
    for number in range(1, pages + 1):
        rows = shown[(number - 1) * MODELS_A_PAGE : number * MODELS_A_PAGE]
        page = _page("index.html", site.origin, root="", here="index")
        others = any(rest for _, _, rest in rows)
        name = "index.html" if number == 1 else f"index-{number}.html"
        yield name, page(page=number, rows=rows, others=others, **common)


def _cells(
    model: ModelShown, stages: Sequence[str]
) -> tuple[list[StageShown | None], list[StageShown]]:
    """What declared stages hold, in their order, and the others."""
    found = {alias_of(one.status.stage): one for one in model.stages}
    return [found.pop(alias_of(stage), None) for stage in stages], list(found.values())


def _actions(origin: Origin, shown: StageShown) -> Iterator[tuple[str, str]]:
    """Where a change of a stage begins: the workflows, and its line of models.yaml."""
    if origin.host is None or not shown.status.managed:
        return
    for text, workflow in _WORKFLOWS:
        yield text, f"{origin.host}/actions/workflows/{workflow}"
    where = shown.declared.where if shown.declared else None
    if where:
        path = os.path.relpath(where.file, os.path.dirname(origin.file) or ".")  # noqa: PTH120
        yield "Edit", f"{origin.host}/edit/{origin.branch}/{origin.folder}{path}#L{where.line}"


def _calls(model: ModelShown, shown: StageShown) -> Iterator[str]:
    alias = alias_of(shown.status.stage)
    if model.declared and model.declared.prompt:
        yield f'mlflow.genai.load_prompt("prompts:/{model.name}@{alias}")'
        return
    yield f'mlflow.pyfunc.load_model("models:/{model.name}@{alias}")'
    yield f"mlgitops serve {model.name} {shown.status.stage}"
    yield f"mlgitops card {model.name} {shown.status.stage}"
    for place in shown.served:
        if place.url:
            yield f"curl {place.url}/version"


def _badge(model: ModelShown, shown: StageShown) -> str:
    label = f"{model.name} {shown.status.stage}"
    value = words.NONE if shown.status.actual is None else str(shown.status.actual)
    return _template("badge.svg").render(
        label=label,
        value=value,
        left=_LETTER * len(label) + 10,
        right=_LETTER * len(value) + 10,
        colour=_COLOURS.get(shown.status.state, _NONE),
    )


def _data(site: Site, stays: Sequence[tuple[ModelShown, Stay]]) -> Iterator[tuple[str, str]]:
    """What the search reads, and what waits for somebody."""
    stages = [_searched(model, shown) for model in site.models for shown in model.stages]
    yield "stages.json", _json(stages)
    yield "read.json", _json({"made": _utc(site.origin.made), "commit": site.origin.commit})
    days = [_day(*one, site.origin) for one in stays if one[1].version is not None]
    yield "days.json", _json(days)
    yield "needs.json", _json([_needed(need) for need in site.needs])


def _searched(model: ModelShown, shown: StageShown) -> dict[str, Any]:
    stay = shown.stay if shown.status.actual is not None else None
    return {
        **_named(model),
        "stage": shown.status.stage,
        "version": shown.status.actual,
        "state": shown.status.state.value,
        "since": _utc(stay.came) if stay else "",
        "by": stay.by if stay else "",
    }


def _needed(need: Need) -> dict[str, Any]:
    return {
        "kind": need.kind,
        "model": need.model and need.model.name,
        "stage": need.stage,
        "said": need.said,
        "pull_request": need.pull and need.pull.url,
    }


def _day(model: ModelShown, stay: Stay, origin: Origin) -> dict[str, Any]:
    return {
        **_named(model),
        "stage": stay.stage,
        "version": stay.version,
        "since": _utc(stay.since),
        "until": _utc(stay.until) if stay.until else None,
        "by": stay.by,
        "pull_request": request(stay.pull_request),
        "pull_request_url": _pull(origin, stay.pull_request),
        "moved_since": model.lost(stay),
    }


def _pull(origin: Origin, number: str | None) -> str:
    """The page of a pull request at its host; empty where none is known."""
    known = web(origin.host) and request(number).startswith("#")
    return f"{origin.host}/pull/{number}" if known else ""


def _utc(moment: datetime) -> str:
    """So that the order of texts is that of times."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _named(model: ModelShown) -> dict[str, Any]:
    return {"model": model.name, "key": model.key, "owners": list(model.owners)}


def _json(found: object) -> str:
    return secrets.hidden(json.dumps(found, separators=(",", ":")))


def _template(name: str) -> Template:
    return templates("mlgitops.site", "mlgitops.report").get_template(name)


def _page(name: str, origin: Origin, *, root: str, here: str) -> Any:
    return partial(
        _template(name).render,
        origin=origin,
        root=root,
        here=here,
        version=__version__,
        count=words.count,
        asked=request,
        pull=partial(_pull, origin),
    )

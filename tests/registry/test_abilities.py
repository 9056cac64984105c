"""Registries that can do less, or do it badly: found out, got around, and never read as empty."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.errors.registry import (
    RegistryError,
    RegistryFaultError,
    RegistryNotFoundError,
    RegistryProtocolError,
    RegistryRequestError,
    RegistryTimeoutError,
    RegistryUnreachableError,
)
from mlgitops.registry.connect import connect
from tests.proxy import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.held import HeldModel
    from tests.proxy import Answered, Asked, Meddle, PassOn, Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

_SEARCHES = ("registered-models/search", "model-versions/search")
NAMES = ("a", "b", "c", "d")


def edited(edit: Callable[[Any], None], paths: tuple[str, ...]) -> Meddle:
    """A server whose answers at some paths are edited."""

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        answer = pass_on(asked)
        if not asked.path.endswith(paths):
            return answer
        document = answer.document
        edit(document)
        return answer.with_document(document)

    return meddle


def dropped(*keys: str) -> Callable[[Any], None]:
    """Drop keys from a document, however deep they are."""

    def drop(document: Any) -> None:
        for one in document.values() if isinstance(document, dict) else document:
            if isinstance(one, dict | list):
                drop(one)
        if isinstance(document, dict):
            for key in keys:
                document.pop(key, None)

    return drop


def refusing_filters(asked: Asked, pass_on: PassOn) -> Answered:
    """A server that cannot search versions by their tags."""
    if any("tags." in one for one in asked.query.get("filter", ())):
        refusal = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid attribute key"}
        return replace(failure(400), kind="application/json").with_document(refusal)
    return pass_on(asked)


@pytest.fixture
def prepared(remote: Team, proxied: Proxy) -> Team:
    """Four models: two that were applied, one whose alias somebody set, one with nothing."""
    for name in NAMES:
        remote.versions(2, name)
    write(remote, c=1, d=1)
    remote.ok("apply")
    remote.client.set_registered_model_alias("b", "champion", "2")
    proxied.reset()
    return remote


def write(team: Team, **versions: int) -> None:
    """Desire versions in production."""
    body = "\n".join(f"  {m}: {{stages: {{Production: {v}}}}}" for m, v in versions.items())
    team.write(f"models:\n{body}\n")


def models(url: str) -> dict[str, HeldModel]:
    """What is read at an address, with all names declared."""
    return dict(connect(url).held(NAMES).models)


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(edited(dropped("aliases"), _SEARCHES), id="aliases"),
        pytest.param(edited(dropped("tags"), _SEARCHES), id="tags"),
        pytest.param(edited(dropped("aliases", "tags"), _SEARCHES), id="aliases and tags"),
        pytest.param(refusing_filters, id="filters"),
    ],
)
def test_what_searches_leave_out_is_asked_for(
    prepared: Team, proxied: Proxy, server: tuple[str, object], meddle: Meddle
) -> None:
    """Aliases, tags, filters by tag: the same is read, and applied, as at a server with them."""
    proxied.meddle = meddle
    assert models(proxied.url) == models(server[0])
    assert connect(proxied.url).model("c") == connect(server[0]).model("c")
    assert prepared.run("plan", "--exit-code").code == 0
    write(prepared, a=1, b=1, c=2, d=1)
    prepared.ok("apply")
    assert prepared.run("plan", "--exit-code", "--registry", prepared.uri).code == 0
    assert [prepared.aliases(name).get("production") for name in NAMES] == [1, 1, 2, 1]
    stamp = prepared.tag(2, "Production", "c")
    assert stamp is not None
    assert (stamp["move"], stamp["previous"]) == (2, 1)


def test_the_only_alias_of_all_is_found(
    remote: Team, proxied: Proxy, server: tuple[str, object]
) -> None:
    """Where searches leave aliases out, a declared stage does not look empty."""
    for name in NAMES:
        remote.versions(2, name)
    remote.client.set_registered_model_alias("d", "production", "2")
    proxied.meddle = edited(dropped("aliases"), _SEARCHES)
    assert models(proxied.url) == models(server[0])


def no_classic_stages(asked: Asked, pass_on: PassOn) -> Answered:
    """A server of the time when MLflow has removed them."""
    if asked.path.endswith(("transition-stage", "get-latest-versions")):
        return failure(404)
    return edited(dropped("current_stage", "latest_versions"), ("search", "get"))(asked, pass_on)


def test_a_registry_without_classic_stages(prepared: Team, proxied: Proxy) -> None:
    """Aliases and stamps are all that is written; nothing is ever missing of the rest."""
    proxied.meddle = no_classic_stages
    for versions in ({"a": 1, "b": 2, "c": 2, "d": 1}, {"a": 2, "b": 2, "c": 1, "d": 1}):
        write(prepared, **versions)
        prepared.ok("apply")
        assert prepared.run("plan", "--exit-code").code == 0
        assert {n: prepared.aliases(n)["production"] for n in NAMES} == versions
    proxied.reset()
    prepared.ok("apply")
    assert proxied.writes == []


def test_an_unused_registry_without_classic_stages(remote: Team, proxied: Proxy) -> None:
    """That there are none shows at the first write, and stops nothing."""
    proxied.meddle = no_classic_stages
    remote.versions(1, "first")
    write(remote, first=1)
    remote.ok("apply")
    assert remote.aliases("first") == {"production": 1}
    assert remote.run("plan", "--exit-code").code == 0


# what becomes of a page, and the error that this is
SPOILT: dict[str, tuple[Callable[[Answered], Answered], type[RegistryError]]] = {
    "500": (lambda _: failure(500), RegistryFaultError),
    "404": (lambda _: failure(404), RegistryNotFoundError),
    "truncated": (lambda one: replace(one, body=one.body[:-20]), RegistryProtocolError),
    "cut off": (lambda one: replace(one, body=one.body[:-20], cut=20), RegistryUnreachableError),
    "nothing": (lambda one: replace(one, body=b""), RegistryProtocolError),
    "a list": (lambda one: replace(one, body=b"[]"), RegistryProtocolError),
    "no names": (lambda one: spoilt(one, [{}]), RegistryProtocolError),
    "text": (lambda one: spoilt(one, "many"), RegistryProtocolError),
}


@pytest.mark.parametrize("path", _SEARCHES)
def test_a_page_that_cannot_be_read_is_an_error(prepared: Team, proxied: Proxy, path: str) -> None:
    """The second page of models, or of stamps: no verb takes it for the end, or for nothing."""
    for name in ("a", "b"):
        prepared.set_tag(1, "Other", {"move": 0}, name)  # more versions than a page has
    write(prepared, a=1, b=1, c=2, d=2)
    for case, (change, error) in SPOILT.items():
        proxied.reset()
        proxied.meddle = second_page(path, change)
        with pytest.raises(error):
            connect(proxied.url).held()
        proxied.meddle = second_page(path, change)
        assert prepared.run("apply").code == 1, case
        assert proxied.writes == [], case


def second_page(path: str, change: Callable[[Answered], Answered]) -> Meddle:
    """A server with small pages, the second of which is not as it was."""
    pages = Counter[str]()

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        answer = pass_on(asked.with_query(max_results="2"))
        pages[asked.path] += 1
        return change(answer) if asked.path.endswith(path) and pages[asked.path] == 2 else answer

    return meddle


def spoilt(answer: Answered, rows: object) -> Answered:
    """The same with other rows."""
    kinds = {"registered_models", "model_versions"}
    return answer.with_document(dict.fromkeys(answer.document.keys() & kinds, rows))


def slow(per_row: float, asked: Asked, pass_on: PassOn) -> Answered:
    """A server that takes its time for each row that it may answer with."""
    rows = int(asked.query.get("max_results", ["0"])[0])
    time.sleep(min(rows * per_row, 1.5))
    return pass_on(asked)


@pytest.mark.usefixtures("prepared")
def test_pages_become_smaller_where_a_server_is_slow(
    proxied: Proxy, server: tuple[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was not made in time is asked for in parts; nothing is lost or read twice."""
    expected = models(server[0])
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.6")
    proxied.meddle = partial(slow, 0.0012)
    assert models(proxied.url) == expected
    sizes = [int(a.query["max_results"][0]) for a in proxied.asked if "max_results" in a.query]
    assert sizes == [1000, 200, *(5000, 1000, 200) * 2]
    proxied.meddle = partial(slow, 1)
    with pytest.raises(RegistryTimeoutError):
        models(proxied.url)


@pytest.mark.usefixtures("prepared")
def test_a_server_that_repeats_a_page_is_an_error(proxied: Proxy) -> None:
    """Its pages would have no end."""
    tokens: list[str] = []

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        answer = pass_on(asked.with_query(max_results="1"))
        tokens.append(answer.document["next_page_token"])
        return answer.with_document(answer.document | {"next_page_token": tokens[0]})

    proxied.meddle = meddle
    with pytest.raises(RegistryProtocolError, match="again and again"):
        models(proxied.url)


def short_tags(asked: Asked, pass_on: PassOn) -> Answered:
    """MLflow 2, which refuses a long tag."""
    if asked.path.endswith("set-tag") and len(asked.body) > 5000:
        refusal = {"error_code": "INVALID_PARAMETER_VALUE", "message": "exceeded length limit"}
        return replace(failure(400), kind="application/json").with_document(refusal)
    return pass_on(asked)


@pytest.mark.usefixtures("prepared")
def test_more_stamps_than_a_tag_takes(proxied: Proxy) -> None:
    """The error says how many stages the version is in and what to do; what is short is written."""
    proxied.meddle = short_tags
    registry = connect(proxied.url)
    stamp = next(iter(registry.held(NAMES).models["c"].stamps["production"].values()))
    registry.stamp("c", 1, {"production": stamp})
    many = {f"stage-{number}": stamp for number in range(40)}
    with pytest.raises(
        RegistryRequestError, match=r"the stamps of 40 stages on version 1 .* 5,000"
    ):
        registry.stamp("c", 1, many)
    assert set(registry.held(NAMES).models["c"].stamps) == {"production"}

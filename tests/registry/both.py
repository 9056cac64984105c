"""One registry, asked over plain HTTP and by MLflow's own client."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core import registry as protocol
from mlgitops.core.classic import Transition
from mlgitops.core.lock import Lock
from mlgitops.core.stamp import TAG, Stamp
from mlgitops.errors.registry import (
    RegistryError,
    RegistryExistsError,
    RegistryFaultError,
    RegistryGoneError,
    RegistryRequestError,
)
from mlgitops.registry.address import Address
from mlgitops.registry.api import Batch
from mlgitops.registry.calls import Calls
from mlgitops.registry.client import ClientRegistryApi, ClientRunApi
from mlgitops.registry.registry import MlflowRegistry
from mlgitops.registry.rest import RestRegistryApi, RestRunApi
from mlgitops.registry.server import server_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from mlflow import MlflowClient

    from mlgitops.core.version import Version, VersionKey
    from tests.proxy import Answered, Asked, PassOn

    Told = tuple[Callable[[MlflowRegistry], Any], tuple[type[RegistryError], ...]]
    Call = tuple[str, Callable[[MlflowRegistry], Any]]
    Write = Callable[[MlflowRegistry, str], None]

_PAGE = "7"  # rows


def small_pages(asked: Asked, pass_on: PassOn) -> Answered:
    """A proxy that makes pages small, so that everything has several."""
    return pass_on(asked.with_query(max_results=_PAGE) if "max_results" in asked.query else asked)


def over_http(url: str) -> MlflowRegistry:
    """The registry of a server, asked over plain HTTP."""
    calls = Calls(server_at(url))
    address = Address(registry=url, tracking=url)
    return MlflowRegistry(address, RestRegistryApi(calls), RestRunApi(calls, url), [calls])


def over_client(url: str) -> MlflowRegistry:
    """The same, asked by MLflow's client."""
    address = Address(registry=url, tracking=url)
    return MlflowRegistry(address, ClientRegistryApi(address), ClientRunApi(url))


@dataclass(frozen=True, kw_only=True)
class Known:
    """What may be asked for: what is there, and what is not.

    Attributes:
        client: MLflow's client of the server.
        runs: name → id.
        versions: model → its versions.
    """

    client: MlflowClient
    runs: Mapping[str, str]
    versions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of models that are there, of such that are not, and of a prompt."""
        gone = ("deleted", "nobody's", "SALES FORECAST", "Prevision ventes", "a-prompt")
        return (*self.versions, *gone)


def known(client: MlflowClient, runs: Mapping[str, str]) -> Known:
    """What MLflow's client knows of."""
    versions: dict[str, list[int]] = {
        model.name: [] for model in client.search_registered_models(max_results=1000)
    }
    for one in client.search_model_versions(max_results=1000):
        versions[one.name].append(int(one.version))
    return Known(
        client=client, runs=runs, versions={m: tuple(sorted(v)) for m, v in versions.items()}
    )


def reads(known: Known, folder: Path) -> Iterator[Call]:
    """Every method of a reader, with all that it may be asked for."""
    yield "identity", attrgetter("identity")
    yield "held()", methodcaller("held")
    yield "locks()", methodcaller("locks")
    yield "held(declared)", methodcaller("held", known.models)
    for names in (known.models[:3], known.models[-5:], known.models):
        yield f"held_again({names})", methodcaller("held_again", names)
    for name in known.models:
        for method in ("model", "classic_stages", "recipes"):
            yield f"{method}({name})", methodcaller(method, name)
        for number in (*known.versions.get(name, ()), 99):
            yield f"version({name}, {number})", methodcaller("version", name, number)
    keys = [(name, n) for name in known.models for n in (*known.versions.get(name, ()), 99)]
    for some in (keys, keys[:3]):
        yield f"versions({some})", methodcaller("versions", some)
    for names in (known.models, known.models[:1]):
        yield f"all_versions({names})", methodcaller("all_versions", names)
    yield from _evidences(known)
    for number in (*known.versions["trained"], 99):
        yield f"check_payload({number})", methodcaller("check_payload", "trained", number)
    for run in (*known.runs.values(), "0" * 32, "no-such-run"):
        yield f"of_run({run})", methodcaller("of_run", "trained", run)
    for uri in ("models:/trained/1", "models:/trained/99", "models:/nobody/1"):
        yield f"download({uri})", partial(_files, uri=uri, folder=folder)


def _evidences(known: Known) -> Iterator[Call]:
    """What is recorded of versions of runs, and of those of logged models, which MLflow 3 has."""
    for brief in (False, True):
        yield f"all_evidence({brief})", partial(_all_evidence, known.models, brief=brief)
    for name in ("trained", "checkpoints"):
        for number in (*known.versions.get(name, ()), 99):
            yield f"evidence({name}, {number})", partial(_of, "evidence", name, number)
    for number in known.versions["trained"]:
        yield f"signature({number})", partial(_of, "signature", "trained", number)


def _of(method: str, name: str, number: int, registry: MlflowRegistry) -> Any:
    version = registry.version(name, number)
    return version and getattr(registry, method)(version)


def _all_evidence(
    names: Collection[str], registry: MlflowRegistry, *, brief: bool
) -> Mapping[VersionKey, Version]:
    return registry.all_evidence(registry.all_versions(names), brief=brief)


def _files(registry: MlflowRegistry, uri: str, folder: Path) -> dict[str, bytes]:
    into = folder / f"{len(list(folder.iterdir()))}"
    into.mkdir()
    found = registry.download(uri, into)
    return {str(p.relative_to(found)): p.read_bytes() for p in found.rglob("*") if p.is_file()}


def check_reads(url: str, known: Known, folder: Path) -> None:
    """Both ways answer every question alike, value by value and failure by failure."""
    calls = list(reads(known, folder))
    http, client = over_http(url), over_client(url)
    for call, ask in calls:
        assert answer(partial(ask, http)) == answer(partial(ask, client)), call
    asked = {call.partition("(")[0] for call, _ in calls}
    methods = {name for name in vars(protocol.RegistryReader) if not name.startswith("_")}
    assert asked == methods - {"at_once"}


def answer(ask: Callable[[], Any]) -> Any:
    """What a call answers, as values that can be compared; its error's class if it fails."""
    try:
        return plain(ask())
    except RegistryError as error:
        return type(error)


def plain(value: Any) -> Any:
    """A value with its types, where NaN equals NaN and no order is lost but that of mappings."""
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value), {f.name: plain(getattr(value, f.name)) for f in fields(value)})
    if hasattr(value, "items"):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return (type(value), value)


def check_truth(url: str, known: Known) -> None:
    """What is read over HTTP is what MLflow's public client says, asked in other ways."""
    registry, client = over_http(url), known.client
    held = registry.held()
    assert sorted(held.models) == sorted(known.versions)
    for name, numbers in known.versions.items():
        model, whole = held.models[name], client.get_registered_model(name)
        assert model.aliases == {alias: int(v) for alias, v in whole.aliases.items()}
        for stage in ("Production", "Staging"):
            latest = [int(v.version) for v in client.get_latest_versions(name, [stage])]
            assert [model.classic[stage]] == latest if latest else stage not in model.classic
        for number in numbers:
            one, read = client.get_model_version(name, str(number)), registry.version(name, number)
            assert read is not None
            assert (read.number, read.status) == (number, one.status)
            assert (read.tags, read.run_id) == (one.tags, one.run_id or None)
            assert registry.classic_stages(name)[number] == one.current_stage
            stamps = {alias for alias, found in model.stamps.items() if number in found}
            assert stamps == set(stamps_of(one.tags)), (name, number)
    _check_runs(registry, known)


def stamps_of(tags: Mapping[str, str]) -> dict[str, Any]:
    """The sound stamps that a tag holds: here, those that say by whom."""
    try:
        found = json.loads(tags.get(TAG, "{}"))
    except ValueError:
        return {}
    return {alias: stamp for alias, stamp in found.items() if "actor" in stamp}


def _check_runs(registry: MlflowRegistry, known: Known) -> None:
    by_run = {number: registry.version("trained", number) for number in known.versions["trained"]}
    for number, version in by_run.items():
        assert version is not None
        assert version.run_id is not None
        read, run = registry.evidence(version), known.client.get_run(version.run_id)
        assert plain(read.metrics) == plain(run.data.metrics), number
        assert read.params == run.data.params
        assert read.seconds == 12.345
        assert read.commit == run.data.tags.get("mlflow.source.git.commit")
        assert read.dirty == (run.data.tags.get("mlflow.source.git.dirty") == "true")
        assert run.inputs is not None
        used = {(i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs}
        assert {(use.name, use.digest) for use in read.datasets} == used
        signature = registry.signature(version)
        assert signature is not None
        assert [column.name for column in signature.inputs or ()] == ["wind"]


def _stamp(move: int, actor: str = "ünï") -> Stamp:
    return Stamp(
        move=move,
        version=move,
        previous=None,
        commit="c" * 40,
        actor=actor,
        time="2026-01-01T00:00:00Z",
        registry="http://here",
    )


def _moved(version: int, stage: str, *, archive: bool = False) -> Write:
    transition = Transition(version=version, stage=stage, archive_others=archive)
    return lambda registry, name: registry.set_classic_stage(name, transition)


# each in the state that those above leave; what fails is as good as what does not
WRITES: dict[str, Write] = {
    "stamp": lambda r, m: r.stamp(m, 1, {"production": _stamp(1)}),
    "stamp over it": lambda r, m: r.stamp(m, 1, {"production": _stamp(2), "A-1_b": _stamp(1)}),
    "the same stamp": lambda r, m: r.stamp(m, 1, {"production": _stamp(2), "A-1_b": _stamp(1)}),
    "a long stamp": lambda r, m: r.stamp(m, 2, {"production": _stamp(1, "😀\n" * 1000)}),
    "too long a stamp": lambda r, m: r.stamp(m, 2, {"production": _stamp(1, "x" * 100_001)}),
    "stamp no version": lambda r, m: r.stamp(m, 99, {"production": _stamp(1)}),
    "stamp no model": lambda r, m: r.stamp(f"no {m}", 1, {"production": _stamp(1)}),
    "set": lambda r, m: r.set_alias(m, "production", 1),
    "set again": lambda r, m: r.set_alias(m, "production", 1),
    "set elsewhere": lambda r, m: r.set_alias(m, "production", 2),
    "set another": lambda r, m: r.set_alias(m, "A-1_b", 2),
    "set an odd one": lambda r, m: r.set_alias(m, "ünï", 3),
    "set a reserved one": lambda r, m: r.set_alias(m, "latest", 1),
    "set a reserved number": lambda r, m: r.set_alias(m, "v1", 1),
    "set too long a one": lambda r, m: r.set_alias(m, "x" * 256, 1),
    "set an empty one": lambda r, m: r.set_alias(m, "", 1),
    "set to no version": lambda r, m: r.set_alias(m, "production", 99),
    "set of no model": lambda r, m: r.set_alias(f"no {m}", "production", 1),
    "delete": lambda r, m: r.delete_alias(m, "A-1_b"),
    "delete what is gone": lambda r, m: r.delete_alias(m, "A-1_b"),
    "delete of no model": lambda r, m: r.delete_alias(f"no {m}", "production"),
    "move": _moved(1, "Production"),
    "move a second": _moved(2, "Production"),
    "move a third and archive": _moved(3, "Production", archive=True),
    "move a fourth": _moved(4, "Production"),
    "move where it is and archive": _moved(4, "Production", archive=True),
    "move down": _moved(4, "Staging", archive=True),
    "archive": _moved(4, "Archived"),
    "move to none": _moved(3, "None"),
    "move to no stage": _moved(3, "Nonsense"),
    "move no version": _moved(99, "Production"),
    "move last": _moved(2, "Staging"),
}
AFTER_WRITES = {
    "aliases": {"production": 2, "ünï": 3},
    "stages": {1: "Archived", 2: "Staging", 3: "None", 4: "Archived"},
}


def check_writes(url: str, known: Known) -> None:
    """Two models that are alike, each written one way, stay alike after every single write."""
    models = {"it's 1st": over_http(url), "it's 2nd": over_client(url)}
    for name in models:
        known.client.create_registered_model(name)
        for _ in range(4):
            known.client.create_model_version(name, "s3://b/m", await_creation_for=0)
    for call, write in WRITES.items():
        ends = [answer(partial(write, registry, name)) for name, registry in models.items()]
        assert ends[0] == ends[1], call
        states = [state(known.client, name) for name in models]
        assert states[0] == states[1], call
    for name in models:
        found = state(known.client, name)
        assert {key: found[key] for key in AFTER_WRITES} == AFTER_WRITES
        assert set(stamps_of(found["tags"][1])) == {"production", "A-1_b"}
        known.client.delete_registered_model(name)


RECORD = Batch(
    params={f"decision.{n}": chr(65 + n % 26) * 6000 for n in range(150)} | {"who": "ünï 😀"},
    metrics={"changes": 3.0},
    tags={"mlflow.note.content": "# what\n| a |"},
)
BEGUN = datetime(2026, 11, 23, 12, tzinfo=UTC)


def check_records(url: str, known: Known) -> None:
    """A run of a record is the same whichever way it is written, and whichever way it is read."""
    ways = (over_http(url).records, over_client(url).records)
    runs = []
    for records in ways:
        run = records.begin(BEGUN, {"mlflow.runName": "1 change"}, RECORD.params)
        records.add(run, BEGUN, replace(RECORD, params={"results.0": "{}"}))
        with pytest.raises(RegistryRequestError):
            records.add(run, BEGUN, Batch(params={"results.0": "changed"}))
        records.keep(run, {"apply.json": b"{}"})
        records.end(run, BEGUN + timedelta(seconds=1), failed=True)
        runs.append(run)
    known.client.delete_run(runs[0].run_id)
    read = [list(records.between(BEGUN, BEGUN)) for records in ways]
    assert plain(read[0]) == plain(read[1])
    assert {run.run_id for run in read[0]} == {run.run_id for run in runs}
    one, other = (replace(run, run_id="", artifacts="") for run in read[0])
    assert plain(one) == plain(other)
    assert one.status == "FAILED"
    assert one.params == {**RECORD.params, "results.0": "{}"}
    assert [f.path for run in runs for f in known.client.list_artifacts(run.run_id)] == (
        ["apply.json"] * 2
    )
    later = BEGUN + timedelta(milliseconds=1)
    assert not [*ways[0].between(later, later), *ways[1].between(later, later)]


def _lock(number: int, *, aside: bool = False) -> Lock:
    return Lock(
        id=f"id-{number}",
        owner="git.example.org/ünï",
        actor="ädä 😀",
        commit="c" * 40,
        begun="2026-01-01T00:00:00Z",
        alive=f"2026-01-01T00:00:0{number}Z",
        aside=aside,
    )


# MLflow has no word for a rename to a name that is taken on MySQL: it answers 500
_TAKEN = (RegistryExistsError, RegistryFaultError)
# one after another, of a registry without a lock
LOCKS: dict[str, Told] = {
    "renew none": (lambda r: r.renew_lock(_lock(1)), (RegistryGoneError,)),
    "take": (lambda r: r.take_lock(_lock(1)), ()),
    "take what another has": (lambda r: r.take_lock(_lock(2)), (RegistryExistsError,)),
    "renew": (lambda r: r.renew_lock(replace(_lock(1), alive="2026-01-01T00:01:00Z")), ()),
    "set aside": (lambda r: r.move_lock(_lock(1), aside=True), ()),
    "set aside again": (lambda r: r.move_lock(_lock(1), aside=True), (RegistryGoneError,)),
    "take a second": (lambda r: r.take_lock(_lock(2)), ()),
    "set back": (lambda r: r.move_lock(_lock(1, aside=True), aside=False), _TAKEN),
    "set aside as another": (lambda r: r.move_lock(_lock(1), aside=True), _TAKEN),
    "remove": (lambda r: r.remove_lock(_lock(2)), ()),
    "set back then": (lambda r: r.move_lock(_lock(1, aside=True), aside=False), ()),
    "remove the first": (lambda r: r.remove_lock(_lock(1)), ()),
    "remove it again": (lambda r: r.remove_lock(_lock(1)), (RegistryGoneError,)),
}


def check_locks(url: str) -> None:
    """Both ways take, renew, set aside and remove a lock alike, and refuse the same."""
    told: list[Any] = []
    for registry in (over_http(url), over_client(url)):
        states = []
        for call, (write, refused) in LOCKS.items():
            found = answer(partial(write, registry))
            assert found in (refused or (plain(None),)), call
            states.append(registry.locks())
            held = registry.held()
            assert held.locks == states[-1]
            assert not any(name.startswith("mlgitops.lock") for name in held.models)
        told.append(states)
    assert told[0] == told[1]
    assert told[0][1] == (_lock(1),)
    assert told[0][4] == (replace(_lock(1, aside=True), alive="2026-01-01T00:01:00Z"),)
    assert told[0][-1] == ()


def state(client: MlflowClient, name: str) -> dict[str, Any]:
    """A model and its versions, as MLflow's public client says, without times."""
    versions = {int(v.version): v for v in client.search_model_versions(f'name="{name}"')}
    model = client.get_registered_model(name)
    return {
        "model": (model.tags, model.description),
        "aliases": {alias: int(version) for alias, version in model.aliases.items()},
        "stages": {number: one.current_stage for number, one in versions.items()},
        "tags": {number: one.tags for number, one in versions.items()},
        "rest": {n: (one.status, one.source, one.description) for n, one in versions.items()},
    }

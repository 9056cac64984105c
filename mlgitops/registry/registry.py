"""The registry: what it holds and what is recorded of its versions, whichever way it is reached.

Verified against MLflow 3.17: `registered-models/search` returns tags, aliases and the latest
version of each classic stage; `model-versions/search` filters by tag and returns no aliases.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core import announced
from mlgitops.core import lock as locks
from mlgitops.core import stamp as stamps
from mlgitops.core.held import Held, HeldModel
from mlgitops.core.prompts import IS_PROMPT
from mlgitops.core.version import READY, RECIPE_TAG, Version
from mlgitops.errors import PayloadError
from mlgitops.errors.registry import (
    RegistryError,
    RegistryGoneError,
    RegistryNotFoundError,
    RegistryRequestError,
)
from mlgitops.registry import failures, payload, values
from mlgitops.registry.paging import rows
from mlgitops.registry.recorded import Recorded
from mlgitops.registry.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlgitops.core.classic import Transition
    from mlgitops.core.lock import Lock
    from mlgitops.core.signature import Signature
    from mlgitops.core.stamp import Stamp
    from mlgitops.core.version import VersionKey
    from mlgitops.registry.accounts import Accounts
    from mlgitops.registry.address import Address
    from mlgitops.registry.api import ModelRow, RegistryApi, RunApi, VersionRow
    from mlgitops.registry.calls import Calls

    Rows = list[VersionRow]

MODELS_A_PAGE = 1000  # MLflow's limit
VERSIONS_A_PAGE = 5000
_PAGES = 10  # of a registry of whose size nothing is known yet
_PROBES = 100  # models
_PAGE_COSTS = 60  # requests for one version each: measured on MySQL and SQLite
_LOCKS = f"name LIKE '{locks.NAME}%'"
_LONGEST_TAG = 5000  # characters, in MLflow 2
_STAMPED = f"tags.`{stamps.TAG}` != ''"
_PROMPT = f"tags.`{IS_PROMPT}` = 'true'"  # MLflow's searches leave prompts out otherwise


class MlflowRegistry:
    """Reads and writes one MLflow registry.

    Every method raises a subclass of `mlgitops.errors.RegistryError` when the registry cannot be
    used: unreachable, too slow, denied, broken, or not MLflow.
    """

    def __init__(
        self, address: Address, api: RegistryApi, runs: RunApi, calls: Collection[Calls] = ()
    ) -> None:
        """A registry.

        Args:
            address: where it is.
            api: how it is asked.
            runs: how its tracking server is asked.
            calls: what the two ask through, where that is plain HTTP.
        """
        self.address, self.identity, self.at_once = address, address.identity, api.at_once
        self._api, self._runs, self._calls = api, runs, calls
        self.records = Records(runs)
        self._payloads = payload.Payloads(address=address, api=api, runs=runs)
        self._recorded = Recorded(runs=runs, payloads=self._payloads)
        self._has_classic, self._pages = True, _PAGES

    @property
    def repeated(self) -> tuple[str, ...]:
        """Which requests were repeated, a line for each server; MLflow's client does not say."""
        return tuple(calls.repeated for calls in self._calls if calls.repeated)

    @property
    def accounts(self) -> Accounts | None:
        """Its accounts; None where MLflow's client asks, which knows none."""
        return self._api.accounts

    def held(self, declared: Collection[str] = (), *, prompts: bool = False) -> Held:
        """All models, in pages; prompts that are declared or stamped, or all of them."""
        searched = {one.name: one for one in self._models()}
        if prompts:
            searched |= {one.name: one for one in self._models(_PROMPT)}
        claimed = self._stamped_of((), f"{_PROMPT} AND {_STAMPED}")
        # a model that was removed while pages were read may hide another one behind it
        others = self._by_name(sorted({*declared, *claimed} - searched.keys()))
        # after the aliases: a stamp is written first, so no move is seen without its stamp
        stamped = self._stamped_of({**searched, **others}, _STAMPED)
        if listed := [one.name for one in {**searched, **others}.values() if one.is_prompt]:
            stamped |= self._stamped_of(listed, f"{_PROMPT} AND {_STAMPED}")
        self._pages = len(searched) // MODELS_A_PAGE + len(stamped) // VERSIONS_A_PAGE + 2
        likely = [name for name in dict.fromkeys((*stamped, *declared)) if name in searched]
        models = {**self._with_aliases(searched, likely), **others}
        return self._held(models.values(), stamped)

    def _models(self, query: str = "") -> Iterator[ModelRow]:
        return rows(partial(self._api.models, query), MODELS_A_PAGE)

    def locks(self) -> tuple[Lock, ...]:
        """The applies that have begun and not ended in order, by one search."""
        try:
            found = list(self._models(_LOCKS))
        except RegistryRequestError:
            return ()  # it cannot be searched by names: Unity Catalog, which takes no lock either
        if not all(one.tags for one in found):  # searches may leave them out
            found = list(self._by_name([one.name for one in found]).values())
        return values.locks(found)

    def _with_aliases(
        self, searched: Mapping[str, ModelRow], likely: Sequence[str]
    ) -> Mapping[str, ModelRow]:
        """The models with their aliases, also where searches leave them out.

        Where no model seems to have one, those that should have are asked for by their names: not
        all of thousands, on a server from before aliases.
        """
        if any(model.aliases for model in searched.values()):
            return searched
        if any(model.aliases for model in self._by_name(likely[:_PROBES]).values()):
            return self._by_name(searched)
        return searched

    def _by_name(self, names: Iterable[str]) -> dict[str, ModelRow]:
        with ThreadPoolExecutor(self.at_once) as threads:
            return {model.name: model for model in threads.map(self._api.model, names) if model}

    def held_again(self, names: Collection[str], *, among: int = 0) -> Held:
        """Models as they are now: each by its name, or all by pages where that costs less."""
        # a page takes the server as long as so many requests, and a model takes two
        if len(names) >= max(self._pages, among // MODELS_A_PAGE * _PAGE_COSTS // 2):
            return self.held(names)
        found = self._by_name(names)
        # MySQL finds a model by other cases and accents too
        models = [found[name] for name in names if name in found]
        stamped: dict[str, Rows] = {}
        for model in models:
            if not locks.is_lock(model.name):
                query = f"{_named(model.name)} AND {_STAMPED}"
                query = f"{query} AND {_PROMPT}" if model.is_prompt else query
                stamped |= self._stamped_of([model.name], query)
        return self._held(models, stamped)

    def model(self, name: str) -> HeldModel | None:
        """One model with the stamps of all its stages."""
        return self.held_again([name]).models.get(name)

    def _held(self, models: Collection[ModelRow], stamped: Mapping[str, Rows]) -> Held:
        # a model with an alias has a version, and each version is in one classic stage
        if any(one.aliases and not one.latest and not one.is_prompt for one in models):
            self._has_classic = False
        held = {
            model.name: HeldModel(
                name=model.name,
                prompt=model.is_prompt,
                aliases=model.aliases,
                classic=values.classic(model),
                stamps=values.stamps(stamped.get(model.name, ())),
                has_classic=self._has_classic and not model.is_prompt,
                states={row.number: row.status for row in stamped.get(model.name, ())},
                told=announced.parse(model.tags.get(announced.TAG, "")),
            )
            for model in models
            if not locks.is_lock(model.name)
        }
        return Held(
            models=MappingProxyType(held),
            registry=self.identity,
            locks=values.locks(models),
        )

    def _stamped_of(self, names: Iterable[str], query: str) -> dict[str, Rows]:
        """Model → its stamped versions."""
        found: dict[str, Rows] = defaultdict(list)
        for version in self._stamped(names, query):
            if stamps.TAG in version.tags:
                found[version.name].append(version)
        return found

    def _stamped(self, names: Iterable[str], query: str) -> Iterator[VersionRow]:
        """The stamped versions; model by model where versions cannot be searched by their tags."""
        try:
            for version in self._versions(query):
                if stamps.TAG in version.tags:
                    yield version
                elif whole := self._api.version(version.name, version.number):
                    yield whole  # the search finds by tags, and leaves them out
        except RegistryRequestError:
            for name in names:
                yield from self._versions_of(name)

    def _versions(self, query: str) -> Iterator[VersionRow]:
        return rows(partial(self._api.versions, query), VERSIONS_A_PAGE)

    def _versions_of(self, name: str) -> Iterator[VersionRow]:
        there = False
        for one in self._versions(_named(name)):
            there = True
            if one.name == name:
                yield one
        if not there:
            with suppress(RegistryRequestError):  # tags cannot be searched: there are no prompts
                yield from self._versions(f"{_named(name)} AND {_PROMPT}")

    def classic_stages(self, name: str) -> Mapping[int, str]:
        """Every version of a model and its classic stage."""
        return {one.number: one.stage for one in self._versions_of(name)}

    def recipes(self, name: str) -> Mapping[int, str | None]:
        """Every version of a model and the recipe that it was trained by."""
        return {one.number: one.tags.get(RECIPE_TAG) for one in self._versions_of(name)}

    def version(self, name: str, number: int) -> Version | None:
        """A version's status, tags and times; what was recorded of it is for `evidence`."""
        found = self._api.version(name, number)
        return values.version(found) if found and found.name == name else None

    def versions(self, keys: Collection[VersionKey]) -> Mapping[VersionKey, Version]:
        """Those of some versions that exist: each by its number, or by pages if that costs less."""
        found = self._in_pages(frozenset(keys))
        rest = [key for key in keys if key not in found]
        with ThreadPoolExecutor(self.at_once) as threads:
            alone = threads.map(lambda key: self.version(*key), rest)
            return found | {key: one for key, one in zip(rest, alone, strict=True) if one}

    def _in_pages(self, keys: Collection[VersionKey]) -> dict[VersionKey, Version]:
        """Those of some versions that as many pages hold as do not cost more than asking for each.

        MLflow's client, which asks for one thing at a time, stands for registries whose searches
        leave things out.
        """
        listed = islice(self._versions(""), self._room(keys))
        return {(v.name, v.number): values.version(v) for v in listed if (v.name, v.number) in keys}

    def _room(self, alone: Collection[object]) -> int:
        """How many rows of pages do not cost more than a request for each of some things."""
        return len(alone) // _PAGE_COSTS * VERSIONS_A_PAGE if self.at_once > 1 else 0

    def all_versions(self, names: Collection[str]) -> Mapping[VersionKey, Version]:
        """All versions of some models: model by model, or by pages if that costs less."""
        return {(v.name, v.number): values.version(v) for v in self._listed(names)}

    def _listed(self, names: Collection[str]) -> list[VersionRow]:
        room = self._room(names)
        listed = list(islice(self._versions(""), room))
        if len(listed) == room:  # there are more, or nothing was read
            with ThreadPoolExecutor(self.at_once) as threads:
                found = threads.map(lambda name: list(self._versions_of(name)), names)
                listed = [version for versions in found for version in versions]
        wanted = frozenset(names)
        return [version for version in listed if version.name in wanted]

    def check_payload(self, name: str, number: int) -> None:
        """Whether a version's payload is there; one request, if the server sends its MLmodel file.

        What it does not send, MLflow's client looks for: the server may lack what reaches the
        store, and clients that use the version go there by themselves. Where MLflow is not
        installed, the server's word counts.
        """
        doubt: RegistryError | PayloadError = failures.packages(self.identity, "mlflow")
        try:
            text = self._api.file(name, number, payload.MLMODEL)
            if text is not None:
                payload.read(text.encode())
                return
        except RegistryGoneError:
            doubt = PayloadError(payload.GONE)
        except PayloadError as error:
            doubt = error
        try:
            self._payloads.check(values.uri(name, number))
        except ModuleNotFoundError:
            raise doubt from None

    def evidence(self, version: Version) -> Version:
        """The version with what was recorded of it.

        A run that was deleted leaves a version without metrics, parameters and data: a gate that
        needs them says so.
        """
        return self._recorded.of(version)

    def all_evidence(
        self, versions: Mapping[VersionKey, Version], *, brief: bool = False
    ) -> Mapping[VersionKey, Version]:
        """As `evidence` of each, in batches of runs and of logged models."""
        found = self._recorded.of_all(versions.values(), brief=brief)
        return dict(zip(versions, found, strict=True))

    def signature(self, version: Version) -> Signature | None:
        """The signature of a version; costs the download of its MLmodel file."""
        return self._payloads.signature(version.uri)

    def download(self, uri: str, folder: Path, say: Callable[[str], None] = lambda _: None) -> Path:
        """Download a model into a folder; where it lies then."""
        return self._payloads.download(uri, folder, say=say)

    def of_run(self, name: str, run_id: str) -> Version | None:
        """The version of a model that a run made, or else what the run logged, as number 0.

        Returns:
            None if there is no such run, or it logged no model.
        """
        run = self._runs.run(run_id)
        if run is None:
            return None
        made = [one.number for one in self._versions(f"run_id='{run_id}'") if one.name == name]
        if made:
            return self.version(name, max(made))
        if not run.models:
            return None
        tags, uri = MappingProxyType(dict(run.tags)), f"models:/{run.models[-1]}"
        return Version(number=0, status=READY, run_id=run_id, tags=tags, uri=uri, origin=uri)

    def stamp(self, name: str, number: int, stamped: Mapping[str, Stamp]) -> None:
        """Write the stamps that a version carries."""
        text = stamps.dump(stamped)
        try:
            self._api.set_tag(name, number, stamps.TAG, text)
        except RegistryRequestError as error:
            if len(text) <= _LONGEST_TAG:
                raise
            raise RegistryRequestError(
                f"the stamps of {len(stamped)} stages on version {number} have {len(text):,} "
                f"characters, and MLflow 2 takes {_LONGEST_TAG:,}; upgrade the server to MLflow 3, "
                "or register the model again as another version for some of these stages"
            ) from error

    def keep_told(self, name: str, told: announced.Told) -> None:
        """Write who was told of which moves of a model's stages."""
        self._api.set_model_tag(name, announced.TAG, announced.dump(told))

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        self._api.set_alias(name, alias, number)

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self._api.delete_alias(name, alias)

    def set_classic_stage(self, name: str, transition: Transition) -> None:
        """Move a version to a classic stage; nothing, where the registry has none."""
        try:
            self._api.transition(
                name,
                transition.version,
                transition.stage,
                archive_others=transition.archive_others,
            )
        except RegistryNotFoundError:
            self._has_classic = False

    def create(self, name: str) -> None:
        """Make a model without versions."""
        self._api.create_model(name, {})

    def remove(self, name: str) -> None:
        """Remove a model with all its versions."""
        self._api.delete_model(name)

    def take_lock(self, lock: Lock) -> None:
        """Make the model that is the lock."""
        self._api.create_model(lock.name, locks.dump(lock))

    def renew_lock(self, lock: Lock) -> None:
        """Say when its apply was last heard of."""
        self._api.set_model_tag(lock.name, locks.ALIVE, lock.alive)

    def move_lock(self, lock: Lock, *, aside: bool) -> None:
        """Set a lock aside, or back."""
        self._api.rename_model(lock.name, replace(lock, aside=aside).name)

    def remove_lock(self, lock: Lock) -> None:
        """Remove a lock."""
        self._api.delete_model(lock.name)


def _named(name: str) -> str:
    quote = '"' if "'" in name else "'"
    return f"name={quote}{name}{quote}"

"""Propose versions from anywhere: one that somebody asks for, or those that rules choose.

    from mlgitops.github.propose import propose

    print(propose("power-forecasting-model", "Staging", 3, reason="trained on new data").url)

It opens the pull request through GitHub's API with the token in GITHUB_TOKEN or GH_TOKEN.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from mlgitops.core.choice import chosen
from mlgitops.core.gate import Need
from mlgitops.core.guards import Terms
from mlgitops.core.metrics import direction, unknown
from mlgitops.core.promotion import NEWEST, Known, Pick, Rule, pick
from mlgitops.core.stage import alias_of
from mlgitops.core.version import latest
from mlgitops.errors import GitHubError, GitHubPushedError, MlgitopsError, UsageError
from mlgitops.file.edit import model_of
from mlgitops.file.stages import stage_of
from mlgitops.github import proposed
from mlgitops.github.elsewhere import connect, owner_of
from mlgitops.github.proposed import Wanted
from mlgitops.github.proposing import Proposals
from mlgitops.history.owner import VARIABLE
from mlgitops.proposal.propose import propose as plan
from mlgitops.registry.lookup import no_version
from mlgitops.report.markdown import escaped
from mlgitops.report.markdown import plan as in_markdown
from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.core.held import Held
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import Version, VersionKey
    from mlgitops.github.proposing import Compare, Opened, Place

_RECENT = 100  # versions whose metrics are compared
_CHECKED = "The check of this pull request compares the versions and judges the gates."


def propose(
    model: str,
    stage: str,
    version: int | None,
    *,
    reason: str = "",
    repository: str = "",
    base: str = "",
    file: str = "models.yaml",
    reader: RegistryReader | None = None,
) -> Opened:
    """Open a pull request that puts a version into a stage, or update the one of this stage.

    Args:
        model: its name in models.yaml.
        stage: in any case.
        version: its number; None empties the stage.
        reason: goes into the commit, the stamp and the reports.
        repository: OWNER/NAME; else what GITHUB_REPOSITORY or git's origin names.
        base: the branch to merge into; the default branch if empty.
        file: the path of models.yaml in the repository.
        reader: the registry to look the version up in, and to compare with; None for neither.

    Raises:
        UsageError: there is no such model, stage or version, or it is declared so already.
        DesiredStateError: models.yaml is not valid in the base branch.
        GitHubError: GitHub refuses.
    """
    found = connect(repository)
    proposals = Proposals(found, file, base)
    name, stage = model_of(proposals.desired, model).name, stage_of(proposals.desired, stage)
    if reader is not None and version is not None and reader.version(name, version) is None:
        raise no_version(reader, name, version)
    wanted = Wanted(model=name, stage=stage, version=version, reason=reason)
    compare = comparing(reader, owner_of(found))
    return proposals.propose(wanted, proposals.place(name, stage), compare)


def comparing(reader: RegistryReader | None, owner: str) -> Compare:
    """What tells in Markdown what would change, as far as no payload is needed for that.

    A model is code: it is not loaded where there is a token that may write.
    """

    def compare(desired: Desired, wanted: Wanted) -> str:
        if reader is None:
            return _CHECKED
        light, left = _light(desired.models[wanted.model])
        models = MappingProxyType({light.name: light})
        narrow = replace(_owned(desired, owner), models=models)
        terms = Terms(now=datetime.now(UTC))
        try:
            found = plan(narrow, reader, terms, need=Need.RUN, models=[glob.escape(light.name)])
        except MlgitopsError as error:
            return f"{_CHECKED}\n\n{escaped(f'They were not compared here: {error}')}"
        rest = f"The check of this pull request also judges: {', '.join(left)}." if left else ""
        return "\n\n".join(filter(None, [in_markdown(found).strip(), escaped(rest)]))

    return compare


def _light(model: DesiredModel) -> tuple[DesiredModel, list[str]]:
    """A model without the gates that need more than its runs, and the rules of those."""
    kept = {s: tuple(g for g in gates if g.need <= Need.RUN) for s, gates in model.gates.items()}
    left = [gate.rule for gates in model.gates.values() for gate in gates if gate.need > Need.RUN]
    return replace(model, gates=MappingProxyType(kept)), list(dict.fromkeys(left))


def _owned(desired: Desired, owner: str) -> Desired:
    """The repository's own name is the owner, where neither the file nor a variable tells it."""
    return replace(desired, owner=desired.owner or os.environ.get(VARIABLE) or owner)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Target:
    """A stage, with the rule that it has; None if it has none."""

    model: DesiredModel
    stage: str
    rule: Rule | None

    @property
    def declared(self) -> int | None:
        """The version that models.yaml declares."""
        stage = self.model.listed(alias_of(self.stage))
        return stage.version if stage else None

    def __str__(self) -> str:
        return f"{self.model.name} {self.stage}"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Which stages `propose_new` looks at: those with a rule, and one more of all models.

    Attributes:
        models: names or patterns of the models; all if empty.
        stage: gets `rule` in models that have none for it; empty: no stage does.
    """

    models: Collection[str] = ()
    stage: str = ""
    rule: Rule = NEWEST

    def of(self, desired: Desired) -> Iterator[_Target]:
        """The stages.

        Raises:
            UsageError: a pattern matches no model, there is no such stage, or the rule cannot be
                meant.
        """
        extra = stage_of(desired, self.stage) if self.stage else ""
        if self.rule.origin:
            stage_of(desired, self.rule.origin)
        for _, message in self.rule.findings(extra, desired.stages):
            raise UsageError(message)
        for name in chosen(desired.models, self.models, f"{desired.file} has"):
            model = desired.models[name]
            found: dict[str, Rule | None] = {one.name: None for one in model.stages}
            found |= {extra: self.rule} if extra else {}
            found |= model.promote
            if self.rule.metric and direction(self.rule.metric, model.directions) is None:
                raise UsageError(f"{name}: {unknown(self.rule.metric)}")
            for stage, rule in found.items():
                yield _Target(model=model, stage=stage, rule=rule)


def propose_new(
    reader: RegistryReader,
    rules: Rules,
    tell: Callable[[str], None],
    warn: Callable[[str], None],
    *,
    repository: str = "",
    base: str = "",
    file: str = "models.yaml",
) -> None:
    """Open, update and close pull requests, as rules say of what the registry has now.

    One that fails does not stop the others. For the last arguments, see `propose`.

    Args:
        reader: the registry.
        rules: which stages are meant.
        tell: is told what becomes of each stage.
        warn: is told what people have to do.
        repository: OWNER/NAME.
        base: the branch to merge into.
        file: the path of models.yaml.

    Raises:
        UsageError: `rules` name what is not there.
        RegistryError: the registry could not be read.
        GitHubError: some pull requests could not be opened, updated or closed.
    """
    found = connect(repository)
    proposals = Proposals(found, file, base)
    targets = list(rules.of(proposals.desired))
    run = _Run(proposals, reader, comparing(reader, owner_of(found)), targets)
    failed: list[str] = []
    refused: dict[str, list[str]] = {}
    for target in targets:
        try:
            done = run.settle(target)
        except GitHubPushedError as error:
            tell(f"{target}: {error}")
            continue
        except MlgitopsError as error:
            failed.append(f"{target}: {error}")
            continue
        if done.said:
            tell(f"{target}: {done.said}")
        if done.opened and done.opened.refusal:
            refused.setdefault(done.opened.refusal, []).append(done.opened.url)
    for reason, urls in refused.items():
        warn(f"GitHub does not merge {listed(urls)} by itself: {reason}")
    if failed:
        raise GitHubError("\n".join(failed))


class _Done(NamedTuple):
    """What became of a stage, in words, and its pull request if it got one."""

    said: str = ""
    opened: Opened | None = None


class _Run:
    """What GitHub and the registry say at one moment."""

    def __init__(
        self,
        proposals: Proposals,
        reader: RegistryReader,
        compare: Compare,
        targets: Iterable[_Target],
    ) -> None:
        self._proposals, self._compare = proposals, compare
        self._known = _known([target for target in targets if target.rule], reader)
        self._now = datetime.now(UTC)

    def settle(self, target: _Target) -> _Done:
        """Open, update or close the pull request of a stage."""
        model, stage, rule = target.model, target.stage, target.rule
        picked = Pick(version=None, why="", waits=True)
        if rule is not None:
            stages, known = self._proposals.desired.stages, self._known[model.name]
            picked = pick(model, stage, rule, stages, known, self._now)
        if picked.version is None and not self._proposals.has_branch(model.name, stage):
            return _Done(picked.why)
        place = self._proposals.place(model.name, stage)
        if place.open and (said := self._left_or_closed(target, place, picked)):
            return _Done(said)
        if rule is None or picked.version is None:
            return _Done(picked.why)
        if proposed.was_turned_down(place.pulls, picked.version):
            return _Done(f"version {picked.version} was proposed before, and is not again")
        wanted = Wanted(
            model=model.name,
            stage=stage,
            version=picked.version,
            asked=False,
            auto_merge=rule.auto_merge,
        )
        opened = self._proposals.propose(wanted, place, self._compare)
        return _Done(f"version {picked.version}: {opened.url} is {opened.what}", opened)

    def _left_or_closed(self, target: _Target, place: Place, picked: Pick) -> str:
        """What is said of an open pull request that needs no update; empty if it may need one."""
        told, declared = place.proposes, target.declared
        if told is None:
            return f"{place.url} does not tell what it proposes, and is left alone"
        past = told.version is not None and not told.asked and (declared or 0) > told.version
        if told.version == declared or past:
            why = f"{target} is at {declared or 'no version'} now."
        elif told.asked:
            return f"{place.url}, which somebody asked for, is open, and is left alone"
        elif picked.version is not None or picked.waits:
            return ""
        else:
            why = f"Version {told.version} is not proposed any more: {picked.why}."
        self._proposals.withdraw(place, escaped(why))
        return f"closed {place.url}: {why}"


def _known(targets: Sequence[_Target], reader: RegistryReader) -> dict[str, Known]:
    """What the registry has of the models of some stages."""
    found: dict[str, dict[int, Version]] = {target.model.name: {} for target in targets}
    if not found:
        return {}
    held, listed = reader.held(found), reader.all_versions(found)
    for (name, number), version in listed.items():
        found[name][number] = version
    measured = {target.model.name for target in targets if target.rule and target.rule.metric}
    metrics = _metrics(held, {k: one for k, one in listed.items() if k[0] in measured}, reader)
    return {
        name: Known(held=held.model(name), versions=versions, metrics=metrics.get(name, {}))
        for name, versions in found.items()
    }


def _metrics(
    held: Held, versions: Mapping[VersionKey, Version], reader: RegistryReader
) -> Mapping[str, Mapping[int, Mapping[str, float]]]:
    """The metrics of each model's latest versions, and of those that stages hold, however old."""
    of_stages = {(name, n) for name in held.models for n in held.model(name).stages.values()}
    wanted = latest(versions, _RECENT) | {key: versions[key] for key in of_stages & versions.keys()}
    found: dict[str, dict[int, Mapping[str, float]]] = {}
    for (name, number), one in reader.all_evidence(wanted).items():
        found.setdefault(name, {})[number] = one.metrics
    return found

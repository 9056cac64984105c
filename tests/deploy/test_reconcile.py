"""Deployments against what stages hold: with places in memory, of which some do not answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from mlgitops.core.held import Held, HeldModel
from mlgitops.core.stamp import Stamp
from mlgitops.deploy import failures, reconcile
from mlgitops.deploy.values import Action, Outcome, Served, State, Step
from mlgitops.errors import UsageError
from mlgitops.errors.deploying import DeployError
from mlgitops.file.load import loads
from mlgitops.image.spec import BuildOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.reconcile import Deployment
    from mlgitops.deploy.values import Wanted

TEXT = """\
version: 2
stages: [Staging, {name: Production, production: true}]
models:
  wind: {stages: {Staging: 2, Production: 1}}
  sun: {stages: {Production: 1}}
deployments:
  edge: {kind: docker, stages: [Production], ports: {wind: 5001, sun: 5002}}
  trial: {kind: docker, hosts: [ssh://b], stages: [Staging], ports: {wind: 5001}}
"""
DESIRED = loads(TEXT, "models.yaml")


@dataclass
class Place:
    """A target in memory."""

    name: str
    serves: dict[tuple[str, str], int] = field(default_factory=dict)
    broken: bool = False

    def served(self) -> Sequence[Served]:
        """What it has."""
        self._answer()
        pairs = DESIRED.deployments[self.name].pairs(DESIRED)
        found = dict.fromkeys(pairs, 0) | self.serves
        return [
            Served(
                deployment=self.name,
                place=self.name,
                model=model,
                stage=stage,
                state=State.SERVING if version else State.EMPTY,
                version=str(version or ""),
            )
            for (model, stage), version in found.items()
        ]

    def plan(self, wanted: Sequence[Wanted]) -> Sequence[Step]:
        """What differs."""
        self._answer()
        return [self._step(one) for one in wanted]

    def make(self, wanted: Sequence[Wanted], say: Callable[[str], None]) -> Iterator[Outcome]:
        """Have it, but for version 13, which fails."""
        self._answer()
        for one in wanted:
            say(one.model)
            step = self._step(one)
            if one.version == 13:
                yield Outcome(step=step, error=f"{step}: no", exit_code=failures.FAILED)
                continue
            self.serves[one.model, one.stage] = one.version or 0
            yield Outcome(step=step)

    def _step(self, one: Wanted) -> Step:
        old, new = self.serves.get((one.model, one.stage), 0), one.version or 0
        return Step(
            action=Action.NOTHING if old == new else Action.REPLACE,
            deployment=self.name,
            place=self.name,
            model=one.model,
            stage=one.stage,
            old=str(old or ""),
            new=str(new or ""),
        )

    def _answer(self) -> None:
        if self.broken:
            raise DeployError("it has no key")


@dataclass
class Reader:
    """A registry in memory, as far as deployments ask."""

    models: dict[str, HeldModel]
    identity: str = "http://r"
    asked: int = 0

    def held(self, declared: object = (), *, prompts: bool = False) -> Held:
        """All."""
        del declared, prompts
        self.asked += 1
        return Held(models=self.models)


def stamp(version: int | None, move: int = 1) -> Stamp:
    """A stamp of a move."""
    return Stamp(
        move=move,
        version=version,
        previous=None,
        commit="c0ffee",
        actor="ada",
        time="2026-11-27T00:00:00Z",
        pull_request="12",
    )


def reader(wind: int = 1) -> Reader:
    """What stages hold: Production of wind by mlgitops, Staging by somebody else."""
    stamps = {"production": {wind: stamp(wind)}}
    held = HeldModel(name="wind", aliases={"production": wind, "staging": 2}, stamps=stamps)
    return Reader(models={"wind": held, "sun": HeldModel(name="sun", aliases={"production": 1})})


def read(registry: Reader, places: dict[str, Place], *names: str) -> tuple[Deployment, ...]:
    """The deployments, in these places."""
    return reconcile.read(
        DESIRED,
        cast("RegistryReader", registry),
        BuildOptions(),
        names,
        target=lambda one, *_: places[one.name],
    )


@pytest.fixture
def places() -> dict[str, Place]:
    """Two that serve nothing."""
    return {name: Place(name) for name in ("edge", "trial")}


def test_each_serves_what_its_stages_hold(places: dict[str, Place]) -> None:
    """With the commit of the stamp, by one reading of the registry; a second time, nothing."""
    registry = reader()
    found = read(registry, places)
    assert registry.asked == 1
    assert [(w.model, w.version, w.commit) for one in found for w in one.wanted] == [
        ("wind", 1, "c0ffee"),
        ("sun", 1, ""),
        ("wind", 2, ""),
    ]
    assert [(w.pull_request, w.actor) for w in found[0].wanted] == [("12", "ada"), ("", "")]
    assert [step.pending for step in reconcile.plan(found)] == [True] * 3
    said: list[str] = []
    done = [*reconcile.make(found, said.append)]
    assert (reconcile.exit_code(done), said) == (0, ["wind", "sun", "wind"])
    assert not any(step.pending for step in reconcile.plan(found))
    assert {one.state for one in reconcile.served(found)} == {State.SERVING}


def test_names_choose(places: dict[str, Place]) -> None:
    """And one that is not declared is an error that says which are."""
    assert [one.declared.name for one in read(reader(), places, "trial")] == ["trial"]
    with pytest.raises(UsageError, match="no deployment 'edg'; did you mean 'edge'"):
        read(reader(), places, "edg")


def test_a_stage_that_mlgitops_emptied_serves_nothing(places: dict[str, Place]) -> None:
    """One that is empty for another reason is an error of that step, and is left as it is."""
    registry = reader()
    emptied = HeldModel(
        name="wind", aliases={"staging": 2}, stamps={"production": {1: stamp(None)}}
    )
    registry.models.update(wind=emptied, sun=HeldModel(name="sun"))
    places["edge"].serves = {("wind", "Production"): 1, ("sun", "Production"): 1}
    found = read(registry, places)
    steps = {(s.model, s.stage): s for s in reconcile.plan(found)}
    assert steps["wind", "Production"].new == ""
    assert "is empty, and mlgitops did not empty it" in steps["sun", "Production"].trouble
    done = [*reconcile.make(found, lambda _: None)]
    assert reconcile.exit_code(done) == 4
    assert [bool(one.error) for one in done] == [True, False, False]
    assert places["edge"].serves == {("wind", "Production"): 0, ("sun", "Production"): 1}


def test_a_stage_that_is_empty_as_declared_serves_nothing() -> None:
    """Also where the registry never had the model: an apply would have nothing to do."""
    text = TEXT.replace("sun: {stages: {Production: 1}}", "sun: {stages: {Production: null}}")
    desired = loads(text, "models.yaml")
    registry = reader()
    del registry.models["sun"]
    (edge,) = reconcile.read(
        desired,
        cast("RegistryReader", registry),
        BuildOptions(),
        ["edge"],
        target=lambda one, *_: Place(one.name),
    )
    assert edge.troubles == ()
    assert [(one.model, one.version) for one in edge.wanted] == [("wind", 1), ("sun", None)]


def test_one_place_that_fails_stops_no_other(places: dict[str, Place]) -> None:
    """Its stages are unknown, its steps have a trouble; the next run catches up."""
    places["edge"].broken = True
    found = read(reader(), places)
    troubles = [step.trouble for step in reconcile.plan(found)]
    assert troubles == ["it has no key", "it has no key", ""]
    states = [one.state for one in reconcile.served(found)]
    assert states == [State.UNKNOWN, State.UNKNOWN, State.BEHIND]
    done = [*reconcile.make(found, lambda _: None)]
    assert reconcile.exit_code(done) == 4
    assert places["trial"].serves == {("wind", "Staging"): 2}
    places["edge"].broken = False
    assert reconcile.exit_code(reconcile.make(found, lambda _: None)) == 0


def test_a_version_that_did_not_prove_itself_is_6_and_with_others_4(
    places: dict[str, Place],
) -> None:
    """The old one still serves, and the others are done."""
    places["edge"].serves = {("wind", "Production"): 1}
    found = read(reader(wind=13), places)
    assert reconcile.exit_code(reconcile.make(found, lambda _: None)) == 6
    assert places["edge"].serves == {("wind", "Production"): 1, ("sun", "Production"): 1}
    places["trial"].broken = True
    assert reconcile.exit_code(reconcile.make(found, lambda _: None)) == 4


def test_what_serves_is_shown_beside_what_the_stage_holds(places: dict[str, Place]) -> None:
    """Another version and none are behind; so is what models.yaml does not list."""
    places["edge"].serves = {("wind", "Production"): 3, ("old", "Production"): 1}
    found = {(s.model, s.stage): s for s in reconcile.served(read(reader(), places))}
    assert {one.state for one in found.values()} == {State.BEHIND}
    assert found["wind", "Production"].note == "the stage holds version 1"
    assert found["sun", "Production"].note == "the stage holds version 1"
    assert found["old", "Production"].note == "models.yaml does not list it any more"

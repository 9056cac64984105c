"""Pairs of applies that run at the same time on the same models, and what they leave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING

from mlgitops.core.apply import Status, execute
from mlgitops.core.diff import diff
from mlgitops.core.stamp import Author
from mlgitops.file.load import loads
from mlgitops.proposal.propose import read
from mlgitops.registry.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow import MlflowClient

    from mlgitops.core.apply import Outcome
    from mlgitops.core.desired import Desired
    from mlgitops.core.held import HeldModel

VERSIONS = 4
STAGES = ("Staging", "Production", "Shadow")


@dataclass(kw_only=True)
class Race:
    """Pairs of applies on one registry, each by an author of its own.

    Attributes:
        uri: the registry.
        models: the names of the models that both want something of.
        wrong: what an apply said that was not so, or that the apply after a pair did not heal.
    """

    uri: str
    models: list[str]
    seed: int = 0
    wrong: list[str] = field(default_factory=list)
    torn: int = 0

    def prepare(self, client: MlflowClient) -> None:
        """Register the models and their versions."""
        for model in self.models:
            client.create_registered_model(model)
            for _ in range(VERSIONS):
                client.create_model_version(model, "s3://b/m", await_creation_for=0)

    def run(self, pairs: int) -> None:
        """Run pairs, and after each of them one apply more."""
        random, gate = Random(self.seed), Barrier(2)  # noqa: S311 - no secret
        with ThreadPoolExecutor(2) as threads:
            for number in range(pairs):
                files = [self._file(random), self._file(random)]
                ready = (gate.wait, gate.wait)
                self._check(number, files, list(threads.map(self._apply, files, "AB", ready)))

    def _file(self, random: Random) -> Desired:
        lines = [
            f"  {model}: {{stages: {{"
            + ", ".join(f"{stage}: {random.randint(1, VERSIONS)}" for stage in STAGES)
            + "}}"
            for model in self.models
        ]
        return loads(
            "\n".join(["owner: team", f"stages: [{', '.join(STAGES)}]", "models:", *lines]),
            "models.yaml",
        )

    def _apply(
        self, desired: Desired, actor: str, begin: Callable[[], object] = lambda: None
    ) -> tuple[Outcome, ...]:
        registry = connect(self.uri)
        plan = diff(*read(desired, registry))
        begin()
        author = Author(commit=actor * 40, actor=actor)
        return execute(plan, registry, lambda _: author, lambda: datetime.now(UTC))

    def _check(self, number: int, files: list[Desired], done: list[tuple[Outcome, ...]]) -> None:
        before = connect(self.uri).held()
        found = [t for model in self.models for t in torn(before.model(model))]
        self.torn += len(found)
        for outcome in (one for outcomes in done for one in outcomes):
            self._check_told(outcome, before.model(outcome.change.model), done)
        last = files[number % 2]
        self._apply(last, "C")
        plan = diff(*read(last, connect(self.uri)))
        self.wrong += [f"{number}: still {change}" for change in plan.changes]
        after = connect(self.uri).held()
        self.wrong += [
            f"{number}: {model}: {said}"
            for model in self.models
            for said in torn(after.model(model))
        ]

    def _check_told(
        self, outcome: Outcome, held: HeldModel, done: list[tuple[Outcome, ...]]
    ) -> None:
        """What was applied was so, unless the other one applied something after it."""
        change = outcome.change
        others = {
            one.change.new
            for outcomes in done
            for one in outcomes
            if one.change.model == change.model and one.change.alias == change.alias
        }
        if outcome.status is Status.APPLIED and held.stages.get(change.alias) not in others:
            self.wrong.append(f"said to be applied: {change}")


def torn(held: HeldModel) -> Iterator[str]:
    """What a race leaves behind: two stamps of one move, alias and classic stage apart."""
    for alias, stamps in held.stamps.items():
        moves = [stamp.move for stamp in stamps.values()]
        if len(set(moves)) < len(moves):
            yield f"{alias}: two stamps of one move: {sorted(moves)}"
    staging, production = held.aliases.get("staging"), held.aliases.get("production")
    wanted = {"Production": production, "Staging": None if staging == production else staging}
    for stage, version in wanted.items():
        if held.classic.get(stage) != version:
            yield f"{stage}: the alias says {version}, the classic stage {held.classic.get(stage)}"

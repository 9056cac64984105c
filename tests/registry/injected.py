"""An apply through a network that fails now and then, before and after the server was reached."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.proxy import HangUpError, failure

if TYPE_CHECKING:
    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team


_KINDS = ("503", "reset", "503 after", "reset after", "late")


@dataclass(kw_only=True)
class Faults:
    """What meddles: a share of all requests fails, by lot.

    Attributes:
        seed: of the lots.
        share: of the requests that fail, or are late.
        injected: kind → how many.
    """

    seed: int
    share: float
    injected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lots = random.Random(self.seed)  # noqa: S311 - no secret

    def __call__(self, asked: Asked, pass_on: PassOn) -> Answered:
        """The answer, or none."""
        lot = self._lots.random() / self.share  # one for each request, whichever thread asks
        if lot >= 1:
            return pass_on(asked)
        kind = _KINDS[int(lot * len(_KINDS))]
        self.injected[kind] += 1
        if kind == "late":
            time.sleep(0.2)
            return pass_on(asked)
        if kind.endswith("after"):
            pass_on(asked)
        if kind.startswith("reset"):
            raise HangUpError
        return failure(503)


def fill(team: Team, number: int) -> list[str]:
    """Models with two versions; their names."""
    names = [f"model-{i:04}" for i in range(number)]
    for name in names:
        team.client.create_registered_model(name)
        for _ in range(2):
            team.client.create_model_version(name, "s3://b/m", await_creation_for=0)
    return names


def check_apply(
    team: Team,
    proxied: Proxy,
    names: list[str],
    desired: dict[str, int],
    *,
    move: int,
    share: float,
) -> None:
    """Apply, up to three times; then all is as desired, and stamped once.

    Args:
        team: its models are `names`.
        proxied: the server that gets faults.
        names: the models.
        desired: stage → version, the same for all.
        move: which move of each stage it is.
        share: of the requests that fail or are late.
    """
    body = ", ".join(f"{stage}: {version}" for stage, version in desired.items())
    team.write("models:\n" + "".join(f"  {n}: {{stages: {{{body}}}}}\n" for n in names))
    proxied.meddle = faults = Faults(seed=move, share=share)
    runs = [team.run("apply", "--allow", "many-changes")]
    told = [line for line in runs[0].err.splitlines() if line.startswith("repeated ")]
    assert len(told) == 1, runs[0].err
    while runs[-1].code and len(runs) < 3:
        assert runs[-1].code in (1, 4), runs[-1].err
        runs.append(team.run("apply", "--allow", "many-changes"))
    assert runs[-1].code == 0, runs[-1].out + runs[-1].err
    assert len(faults.injected) == 5, faults.injected
    proxied.meddle = lambda asked, pass_on: pass_on(asked)
    assert team.run("plan", "--exit-code").code == 0
    stamps, wanted = _stamps(team), {stage.lower(): v for stage, v in desired.items()}
    for model in team.client.search_registered_models(max_results=1000):
        assert {alias: int(version) for alias, version in model.aliases.items()} == wanted
        for alias, version in wanted.items():
            moves = {stamp["move"]: stamp["version"] for stamp in stamps[model.name][alias]}
            assert len(stamps[model.name][alias]) == len(moves) == move, (model.name, alias)
            assert moves[move] == version
    assert sorted(stamps) == names


def _stamps(team: Team) -> dict[str, dict[str, list[dict[str, int]]]]:
    """Model → alias → its stamps on all versions."""
    found: dict[str, dict[str, list[dict[str, int]]]] = {}
    for one in team.client.search_model_versions("tags.`mlgitops.stages` != ''", 100_000):
        for alias, stamp in json.loads(one.tags["mlgitops.stages"]).items():
            found.setdefault(one.name, {}).setdefault(alias, []).append(stamp)
    return found

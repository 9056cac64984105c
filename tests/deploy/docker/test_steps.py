"""What is to be done for a stage on a host: by what is declared, and by what runs there."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from mlgitops.deploy.docker import front, steps
from mlgitops.deploy.docker.values import Deployment, DeployOptions, Occupant, Settings, Slot
from mlgitops.deploy.values import Action, State, Step, Wanted

OPTIONS = DeployOptions(
    port=5001, memory="1024m", cpus="1", replicas=2, owner="github.com/acme/farm", declared="edge"
)
ADDRESS = front.shown(front.declared(OPTIONS))
OCCUPANT = Occupant(
    slot=Slot.BLUE,
    containers=("a", "b"),
    ready=2,
    image="sha256:1",
    version="1",
    digest="sha256:d",
    commit="c0ffee",
    registry="r",
    started="2026-11-27T00:00:00Z",
    weight=1,
    requests=0,
    errors=0,
    busy=0,
    up=True,
    settings=Settings(memory="1024m", cpus="1", replicas=2),
    owner=OPTIONS.owner,
    declared="edge",
)
FOUND = Deployment(
    name="n",
    model="wind",
    stage="Production",
    url="http://127.0.0.1:5001",
    registry="r",
    slots=(OCCUPANT,),
    address=ADDRESS,
    owner=OPTIONS.owner,
    declared="edge",
)


def step(
    found: Deployment | None,
    version: int | None = 1,
    image: str | None = None,
    **chosen: Any,
) -> Step:
    """What is to be done for a stage that holds a version."""
    options = replace(OPTIONS, **chosen)
    return steps.step(
        Wanted(model="wind", stage="Production", version=version),
        found,
        options,
        place="h",
        address=front.shown(front.declared(options)),
        image=image,
    )


def having(**changed: Any) -> Deployment:
    """What is there, with another occupant."""
    return replace(FOUND, slots=(replace(OCCUPANT, **changed),))


def test_what_is_as_declared_needs_nothing() -> None:
    """Nor does what is rightly empty."""
    assert not step(FOUND).pending
    assert not step(None, version=None).pending
    assert not step(replace(FOUND, slots=()), version=None).pending


def test_versions_and_images_replace() -> None:
    """What nothing served before is made; an emptied stage serves nothing."""
    assert step(None).action is Action.CREATE
    assert step(replace(FOUND, slots=())).action is Action.CREATE
    assert (step(FOUND, 2).action, str(step(FOUND, 2))) == (
        Action.REPLACE,
        "wind Production in h: version 1 → 2",
    )
    assert step(FOUND, image="image: another build").details == ("image: another build",)
    assert step(FOUND, None).action is Action.WITHDRAW


@pytest.mark.parametrize(
    ("chosen", "detail"),
    [
        ({"replicas": 3}, "replicas: 2 → 3"),
        ({"memory": "2048m"}, "memory: 1024m → 2048m"),
        ({"environment": MappingProxyType({"A": "1"})}, "environment: other A"),
        ({"port": 5002}, "address: 127.0.0.1:5001 → 127.0.0.1:5002"),
        ({"declared": "farm"}, f"owner: {OPTIONS.owner} → {OPTIONS.owner}, as farm"),
    ],
)
def test_how_it_is_served_changes(chosen: dict[str, Any], detail: str) -> None:
    """The same version goes on; what differs is said."""
    found = step(FOUND, **chosen)
    assert (found.action, found.details) == (Action.CHANGE, (detail,))


def test_how_long_a_start_may_take_replaces_nothing() -> None:
    """Nor does the number of images that are kept: both are of the next replacement."""
    assert not step(FOUND, start_timeout=999, keep_images=7).pending


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (having(up=False), State.DOWN),
        (having(ready=0), State.DOWN),
        (having(ready=1), State.DEGRADED),
        (
            replace(FOUND, slots=(OCCUPANT, replace(OCCUPANT, slot=Slot.GREEN, version="2"))),
            State.REPLACING,
        ),
    ],
)
def test_what_does_not_stand_as_it_should_is_mended(found: Deployment, state: State) -> None:
    """And shown as it stands."""
    assert step(found).action is Action.CHANGE
    assert steps.served(found, "edge", "h").state is state


def test_what_others_own_is_left_alone() -> None:
    """What nobody owns is adopted, unless it would lose TLS or its tokens by that."""
    others = replace(FOUND, owner="github.com/acme/other")
    assert step(others, 2).trouble.startswith("it is managed by github.com/acme/other")
    nobodys = replace(having(owner="", declared=""), owner="", declared="")
    assert step(nobodys).details == (f"owner: nobody → {OPTIONS.owner}, as edge",)
    asking = replace(nobodys, address=f"{ADDRESS} with TLS and a token")
    assert "add tls_cert and token_file" in step(asking).trouble

"""A deployment whose Docker engine is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness import engine
from harness.waiting import eventually
from mlgitops.deploy.docker import front
from mlgitops.deploy.docker.values import Slot
from tests.stack.place import a_place

if TYPE_CHECKING:
    from tests.stack.place import Place

MISSING = engine.missing()
pytestmark = [pytest.mark.xdist_group("deploy"), pytest.mark.timeout(600)]


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_all_comes_back_after_kill_9_of_the_engine(
    quick_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself: the proxy, both slots with all their replicas, and the slots' shares."""
    with engine.another() as other:
        with a_place(quick_image) as here:
            here.start()  # which builds the proxy's image, if there is none yet
            other.take(quick_image, here.proxy["Config"]["Image"])
        monkeypatch.setenv("DOCKER_HOST", other.host)
        with a_place(quick_image, other.address) as place:
            place.start()
            place.fill(Slot.BLUE, replicas=2)
            place.fill(Slot.GREEN)
            front.proxy(place.name).share(Slot.BLUE, 90)
            eventually(place.answers, within=60, every=0.1)
            before = _shares(place)
            other.kill()
            other.start()
            eventually(place.answers, within=180, every=0.2)
            eventually(lambda: place.ready(Slot.BLUE) == 2, within=180, every=0.2)
            eventually(lambda: place.ready(Slot.GREEN) == 1, within=180, every=0.2)
            eventually(lambda: all(one.healthy for one in place.found.slots), within=180)
            assert _shares(place) == before == (180, 20)


def _shares(place: Place) -> tuple[int, int]:
    counts = front.proxy(place.name).counts()
    return counts[Slot.BLUE].weight, counts[Slot.GREEN].weight

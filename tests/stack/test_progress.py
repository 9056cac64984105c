"""What is said while images are built."""

from __future__ import annotations

import pytest

from stack.progress import Steps, follow

pytestmark = pytest.mark.no_docker
INSTALL = "#12 [mlflow packages 3/4] RUN pip install"


def told(*events: tuple[float, str]) -> list[str]:
    """What is said of a build that prints these lines at these seconds."""
    said: list[str] = []
    steps = Steps(say=said.append)
    for now, line in events:
        steps.take(line, now)
        steps.tell(now)
    return said


def test_long_steps_are_told() -> None:
    """A step of minutes is told when it has taken long, again and again, and when it is done."""
    assert told(
        (0, INSTALL), (4, "#12 3.9 Collecting mlflow"), (40, ""), (61, "#12 DONE 60.9s")
    ) == [
        "images: mlflow packages 3/4: RUN pip install",
        "images: mlflow packages 3/4: RUN pip install (40 s)",
        "images: mlflow packages 3/4: RUN pip install: done in 61 s",
    ]


def test_what_the_cache_has_is_not_told() -> None:
    """A build in which nothing has changed says nothing."""
    assert told((0, INSTALL), (0.1, "#12 CACHED"), (9, ""), (9, "#13 exporting layers")) == []


def test_last_lines_are_kept() -> None:
    """A build that fails leaves its last lines."""
    assert follow([f"{number}\n" for number in range(100)], print)[-2:] == ("98", "99")

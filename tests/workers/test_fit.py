"""Workers need the packages of this machine; one message names who lacks what."""

from __future__ import annotations

from mlgitops.workers.facts import facts
from mlgitops.workers.fit import PACKAGES, unfit

HERE = {"Python": "3.11.7", "mlgitops": "1.0", "mlflow": "3.17.2", "scikit-learn": "1.9.0"}


def test_equal_workers_fit() -> None:
    """A patch release of Python may differ; a package that is not installed here is not asked."""
    assert unfit(HERE, {"tcp://a": {**HERE, "Python": "3.11.9", "pandas": "3"}}) == ""


def test_one_message_names_workers_and_packages() -> None:
    """Those with the same faults share a line, which names a few of them."""
    old = {**HERE, "Python": "3.12.1", "scikit-learn": "1.8.0"}
    bare = {name: version for name, version in HERE.items() if name != "mlflow"}
    many = {f"tcp://{n}": bare for n in range(5)}
    first, *lines = unfit(HERE, {"tcp://old": old, **many}, ["/db"]).splitlines()
    assert "install the same lock there" in first
    assert lines[0].startswith(
        "tcp://old: Python is 3.12.1, here 3.11.7; scikit-learn is 1.8.0, here 1.9.0; /db is not"
    )
    assert lines[1].startswith(
        "tcp://0, tcp://1, tcp://2 and 2 more: mlflow is missing, here 3.17.2; /db is not there"
    )


def test_this_machine_fits_itself() -> None:
    """The packages are named as their distributions are, so that one that differs is seen."""
    here = facts(PACKAGES, ("/", "/nowhere"))
    assert set(PACKAGES) <= set(here)
    assert "/" in here
    assert "/nowhere" not in here

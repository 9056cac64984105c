"""Tests of `mlgitops.system.store`: values in files, of which some may be gone at any time."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from mlgitops.system.store import Store, key

if TYPE_CHECKING:
    from pathlib import Path

MOST = 10_000
VALUE = "x" * 400


def size(folder: Path) -> int:
    """The bytes of all that is kept."""
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_was_used_last_stays(tmp_path: Path) -> None:
    """There is never more than the limit, whatever is put there."""
    store = Store(folder=tmp_path / "kept", most=MOST)
    store.put(key("used"), VALUE)
    for number in range(100):
        store.put(key(number), VALUE)
        assert size(store.folder) <= MOST
        os.utime(store.folder / f"{key(number)}.json", (number, number))  # long ago, in order
        assert store.get(key("used")) == VALUE
    assert store.get(key(99)) == VALUE
    assert store.get(key(0)) is None


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    """And takes nothing else away."""
    store = Store(folder=tmp_path / "kept", most=MOST)
    store.put(key("small"), VALUE)
    store.put(key("large"), "x" * MOST)
    assert (store.get(key("small")), store.get(key("large"))) == (VALUE, None)


def test_parts_of_a_process_that_was_killed_are_removed(tmp_path: Path) -> None:
    """Not those of one that may still write."""
    store = Store(folder=tmp_path / "kept", most=MOST)
    store.put(key(1), VALUE)
    old, young = (store.folder / f"{name}.part" for name in ("old", "young"))
    for path, age in ((old, 7200), (young, 60)):
        path.write_text("half", encoding="utf-8")
        os.utime(path, (time.time() - age,) * 2)
    Store(folder=store.folder, most=MOST).put(key(2), VALUE)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("wrong", ["a file", "a link", "no place"])
def test_where_nothing_can_be_kept_nothing_is_an_error(tmp_path: Path, wrong: str) -> None:
    """Least of all what is computed anyway."""
    folder = tmp_path / "kept"
    if wrong == "a file":
        folder.write_text("", encoding="utf-8")
    elif wrong == "a link":
        (tmp_path / "other").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "other")
    else:
        folder = tmp_path / "kept" / ("x" * 300)
    store = Store(folder=folder, most=MOST)
    store.put(key(1), VALUE)
    assert store.get(key(1)) is None


def test_processes_share_one_folder(tmp_path: Path) -> None:
    """Whoever finds a value finds the whole of the right one."""
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        wrong = pool.map(_used, [tmp_path / "kept"] * 3)
    assert sum(wrong) == 0
    assert size(tmp_path / "kept") <= 3 * MOST  # each counts what the others write now and then


def _used(folder: Path) -> int:
    """How many values were others than those that are kept under their names."""
    store, wrong = Store(folder=folder, most=MOST), 0
    for number in range(300):
        name = number % 40
        found = store.get(key(name))
        wrong += found is not None and found != f"{name}{VALUE}"
        store.put(key(name), f"{name}{VALUE}")
    return wrong

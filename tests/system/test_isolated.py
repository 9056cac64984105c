"""Tests of `mlgitops.system.isolated`: somebody else's code in a process of its own."""

from __future__ import annotations

import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import IsolatedError
from mlgitops.system.isolated import Elsewhere, call, denied, end
from mlgitops.system.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent.parent  # where the functions below are


def _names(*names: str) -> Iterator[str | None]:
    for stream in (sys.stdout, sys.stderr):
        print("nobody reads this", file=stream)
    for name in names:
        yield os.environ.get(name)


def _fails(kind: str) -> Iterator[int]:
    yield 1
    if kind == "raises":
        raise ValueError("one\ntwo")
    if kind == "ends":
        os._exit(0)
    time.sleep(600)


def _within() -> Iterator[object]:
    yield denied(())
    yield list(call(_names, "HOME", timeout=60, readable=[TESTS]))


def test_it_sees_harmless_variables_only(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What finds libraries is kept, everything else is not; what it prints is thrown away."""
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    names = ("PATH", "PYTHONHASHSEED", "AWS_SECRET_ACCESS_KEY")
    found = list(call(_names, *names, timeout=60, readable=[TESTS], preload=("json",)))
    assert found == [os.environ["PATH"], "7", None]
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "hunter2"
    # a server that another test has begun may print in this process at any time
    assert "nobody reads this" not in "".join(capfd.readouterr())


def _read(*paths: str) -> Iterator[str | None]:
    for path in map(Path, paths):
        yield path.read_text(encoding="utf-8") if path.exists() else None


@pytest.mark.parametrize("whole", [True, False], ids=["in a folder that is shown", "alone"])
def test_what_it_needs_may_be_in_a_folder_that_is_hidden(
    whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment in ~/.cache is there, and nothing beside it."""
    if why := denied(()):
        pytest.skip(f"this machine allows no namespaces: {why}")
    monkeypatch.setenv("HOME", str(tmp_path))
    needed, other = tmp_path / ".cache/venv/lib/module.py", tmp_path / ".cache/token"
    needed.parent.mkdir(parents=True)
    for file in (needed, other):
        file.write_text(file.name, encoding="utf-8")
    readable = [TESTS, needed.parent, *([tmp_path] if whole else [])]
    preload = ("json", "re") if whole else ("json", "io")  # each its server, and so its home
    found = call(_read, str(needed), str(other), timeout=60, readable=readable, preload=preload)
    assert list(found) == ["module.py", None]


@pytest.mark.parametrize(
    ("kind", "timeout", "expected"),
    [
        ("raises", 60, "ValueError: one"),
        ("ends", 60, "its process ended before it answered"),
        ("hangs", 5, "no answer within 5 s"),
    ],
)
def test_what_it_answered_before_it_failed_is_kept(
    kind: str, timeout: float, expected: str
) -> None:
    """And the failure is one line."""
    found = call(_fails, kind, timeout=timeout, readable=[TESTS])
    assert next(found) == 1
    with pytest.raises(IsolatedError) as caught:
        next(found)
    assert str(caught.value) == expected


def test_one_that_ends_before_it_takes_its_arguments_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are: nobody waits for it."""
    tmp_path.chmod(0o755)
    (tmp_path / "ends_at_once.py").write_text(
        f"import os\nif os.getpid() != {os.getpid()}:\n    os._exit(0)\ndef ends(given): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    ends = importlib.import_module("ends_at_once").ends
    with pytest.raises(IsolatedError, match="its process ended before it answered"):
        list(call(ends, "x" * 10_000_000, timeout=60, readable=[tmp_path]))


def test_without_namespaces_code_still_runs_and_the_reason_is_known() -> None:
    """Within namespaces there are no others to be had, as on a machine that allows none."""
    if why := denied(()):
        pytest.skip(f"this machine allows none itself: {why}")
    said, found = call(_within, timeout=60, readable=[TESTS])
    assert said.startswith("[Errno ")
    assert "unshare" in said
    assert found == [None]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """The Python that this environment was made of, and a folder with one package: `there`."""
    tmp_path.chmod(0o755)
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "there.py").write_text(
        "import importlib.util\n"
        "def told(*names):\n"
        "    for name in names:\n"
        "        yield importlib.util.find_spec(name) is not None\n"
        "def same(*given):\n"
        "    yield [str(one) for one in given]\n"
    )
    monkeypatch.syspath_prepend(packages)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return Elsewhere(python=Path(sys.base_prefix) / "bin" / version, packages=packages)


def test_elsewhere_there_are_the_packages_of_its_folder_and_no_others(elsewhere: Elsewhere) -> None:
    """Not those of this environment, and none that lie beside that Python."""
    told = importlib.import_module("there").told
    names = ("there", "json", "mlgitops.words", "pandas", "pytest", "pip")
    found = call(told, *names, timeout=60, elsewhere=elsewhere)
    assert list(found) == [True, True, True, False, False, False]


def test_packages_elsewhere_run_apart_only(elsewhere: Elsewhere) -> None:
    """What they ask to run when Python starts reaches nothing of the user's."""
    if why := denied(()):
        pytest.skip(f"this machine allows no namespaces: {why}")
    left = elsewhere.packages.parent / "left"
    (elsewhere.packages / "evil.pth").write_text(f"import os; open({str(left)!r}, 'w')\n")
    (elsewhere.packages / "sitecustomize.py").write_text(f"open({str(left)!r}, 'w')\n")
    same = importlib.import_module("there").same
    assert list(call(same, 1, timeout=60, elsewhere=elsewhere)) == [["1"]]
    assert not left.exists()


def _meets(seconds: float) -> Iterator[float]:
    yield time.monotonic()
    time.sleep(seconds)
    yield time.monotonic()


def test_calls_of_several_threads_run_at_the_same_time() -> None:
    """Each has begun before any has ended."""
    with ThreadPoolExecutor(3) as pool:
        calls = [
            pool.submit(lambda: list(call(_meets, 5, timeout=60, readable=[TESTS])))
            for _ in range(3)
        ]
        begun, ended = zip(*(one.result() for one in calls), strict=True)
    assert max(begun) < min(ended)


def test_to_end_all_calls_wakes_those_who_wait() -> None:
    """And leaves what comes later alone."""
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(lambda: list(call(_meets, 600, timeout=900, readable=[TESTS])))
            for _ in range(2)
        ]
        assert until(lambda: len(_within_processes()) >= len(calls), timeout=60, every=0.5)
        end()
        for one in calls:
            with pytest.raises(IsolatedError, match="ended before it answered"):
                one.result(timeout=60)
    assert until(lambda: not _within_processes(), timeout=60, every=0.5)
    assert list(call(_meets, 0, timeout=60, readable=[TESTS]))


def _within_processes() -> list[int]:
    """Processes that this one's servers have started, directly or not."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    # a server, its twins, their watchers, and what these watch
    return [
        one
        for server in children.get(os.getpid(), [])
        for twin in children.get(server, [])
        for watcher in children.get(twin, [])
        for one in children.get(watcher, [])
    ]

"""The rooms of the engine: arrows run one way, and the engine knows neither team nor stack."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "mlgitops"
# a room may import what stands before it; docs/contributing.md draws the same order
ROOMS = (
    *(
        "__init__",
        "words",
        "errors",
        "system",
        "workers",
        "core",
        "registry",
        "recipes",
        "review",
        "gates",
    ),
    *(
        "file",
        "history",
        "serve",
        "proposal",
        "image",
        "deploy",
        "report",
        "notify",
        "audit",
        "site",
    ),
    *("github", "scaffold", "doctor", "sync", "receiver", "cli", "__main__"),
)


def modules(folder: Path) -> Iterator[Path]:
    """The modules of a package."""
    yield from sorted(folder.rglob("*.py"))


@cache
def imported(path: Path) -> list[str]:
    """What a module imports, type hints and imports within functions included."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room(path: Path) -> str:
    """The room that a module stands in; loose modules are rooms of their own."""
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


def arrows() -> Iterator[tuple[str, str, str]]:
    """From which room to which room, and by which import."""
    for path in modules(ENGINE):
        for name in imported(path):
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if top == "mlgitops" and target != room(path):
                known = target if target in ROOMS else "__init__"
                yield room(path), known, f"{path.relative_to(ROOT)} imports {name}"


def test_every_room_is_known() -> None:
    """A new room has a place in the order."""
    found = {room(path) for path in modules(ENGINE)}
    assert found == set(ROOMS)


def test_arrows_run_one_way() -> None:
    """No room imports one above it, so that no two import each other."""
    upwards = [said for a, b, said in arrows() if ROOMS.index(b) >= ROOMS.index(a)]
    assert upwards == []


def test_arrows_are_seen() -> None:
    """The walk sees imports of all three sorts: plain, in functions, for type hints."""
    seen = {(a, b) for a, b, _ in arrows()}
    assert {("cli", "core"), ("cli", "image"), ("core", "errors")} <= seen


@pytest.mark.parametrize("stranger", ["training", "stack", "tests", "harness", "benchmarks"])
def test_the_engine_knows_no_team(stranger: str) -> None:
    """A wheel of the engine alone works."""
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(ENGINE)
        for name in imported(path)
        if name.partition(".")[0] == stranger
    ]
    assert found == []


def test_the_engine_speaks_of_no_team() -> None:
    """Only examples of help name the wind farm of this repository's team."""
    example = re.compile(r"^ +([A-Z_]+=\S+ )?mlgitops ")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in ENGINE.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search("wind ?farm", line, re.IGNORECASE) and not example.match(line)
    ]
    assert found == []


def test_benchmarks_do_not_import_tests() -> None:
    """What both need is in harness/, which imports neither."""
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for folder in ("benchmarks", "harness")
        for path in modules(ROOT / folder)
        for name in imported(path)
        if name.partition(".")[0] in {"tests", "benchmarks"} - {folder}
    ]
    assert found == []


def test_modules_import_in_no_circle() -> None:
    """Not within a room either, as far as imports run when a module is loaded."""
    names = {name_of(path) for path in modules(ENGINE)}
    edges = {name_of(path): set(at_load(path, names)) for path in modules(ENGINE)}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join((*above, name))
        if name not in done:
            for target in edges.get(name, ()):
                visit(target, (*above, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def name_of(path: Path) -> str:
    """A module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def at_load(path: Path, names: set[str]) -> Iterator[str]:
    """The modules, of these of the engine, that a module imports at its top level."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found = full if full in names else node.module
                if found in names and found != name_of(path):
                    yield found

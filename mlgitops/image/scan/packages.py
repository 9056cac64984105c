"""The Python packages of an image with their licences, by cyclonedx-py (cyclonedx-bom)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from mlgitops.errors import ImageError
from mlgitops.image.scan.values import Licence, Package

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


def bill(sites: Sequence[Path], image: str) -> str:
    """The bill of materials of packages, as CycloneDX JSON; the same each time.

    Args:
        sites: folders with the metadata of packages, and nothing that could be imported.
        image: its name, for messages.

    Raises:
        ImageError: the metadata of a package cannot be read.
    """
    # cyclonedx-py lists what the interpreter at the end would find. That is this one, with -S
    # without packages of its own, and PYTHONPATH, which -I keeps from cyclonedx-py itself
    command = [sys.executable, "-I", "-m", "cyclonedx_py", "environment", "-S", sys.executable]
    command += ["--output-reproducible", "--no-validate", "--spec-version", "1.6"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sites))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ImageError(f"cyclonedx-py cannot read the packages of {image}: {done.stderr.strip()}")
    return done.stdout


def listed(bill: str) -> tuple[Package, ...]:
    """The packages of a bill, each version of each once, in the order of their names."""
    from packaging.utils import canonicalize_name

    found: dict[tuple[str, str], Package] = {}
    for one in json.loads(bill).get("components", ()):
        name = str(canonicalize_name(one["name"]))
        licence = declared(one.get("licenses", ()))
        package = Package(name=name, version=one["version"], licence=licence)
        found.setdefault((name, package.version), package)
    return tuple(found[key] for key in sorted(found))


def declared(licences: Iterable[Mapping[str, Any]]) -> Licence:
    """What a component's `licenses` say: SPDX, and their own words where they are not SPDX."""
    expressions: set[str] = set()
    words: set[str] = set()
    for one in licences:
        named = one.get("license", one)
        if expression := named.get("id") or named.get("expression"):
            expressions.add(expression)
        else:
            words.add(named["name"].split(" :: ")[-1])
    return Licence(
        expressions=tuple(sorted(expressions)),
        stated="; ".join(sorted(words - {"OSI Approved"})) or None,
    )

"""Known vulnerabilities of Python packages, by pip-audit and an OSV database."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlgitops.image.scan.values import Audit, Vulnerability

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlgitops.image.scan.values import Package

DATABASE = "https://api.osv.dev/v1/query"
# a mirror that knows nothing and one that knows of nothing bad give the same answer. So each
# question is accompanied by one whose answer is known: CVE-2018-6594, which no version mends
_KNOWN = ("pycrypto", "2.6.1")
_ONE_ANSWER = 10  # seconds
_ALL_ANSWERS = 180  # seconds


def audit(packages: Iterable[Package], *, database: str = DATABASE) -> Audit:
    """Ask a database about packages; an answer that says nothing is not taken for a good one.

    Args:
        packages: what is installed.
        database: the address of an OSV API's `query`.
    """
    found: set[Vulnerability] = set()
    unchecked = None
    with TemporaryDirectory(prefix="mlgitops-audit-") as folder:
        for asked in _rounds(packages):
            answer, unchecked = _ask(asked, database, Path(folder))
            found |= {one for one in answer if (one.package, one.version) in asked}
            if unchecked:
                break
    return Audit(found=tuple(sorted(found)), unchecked=unchecked)


def _rounds(packages: Iterable[Package]) -> Iterator[set[tuple[str, str]]]:
    """What to ask at once: pip-audit takes one version of each name."""
    versions: dict[str, list[str]] = defaultdict(list)
    for package in packages:
        versions[package.name].append(package.version)
    for number in range(max(map(len, versions.values()), default=0)):
        yield {(name, known[number]) for name, known in versions.items() if number < len(known)}


def _ask(
    asked: set[tuple[str, str]], database: str, folder: Path
) -> tuple[tuple[Vulnerability, ...], str | None]:
    """What pip-audit says of packages, and why that is not all."""
    wanted = folder / "packages.txt"
    lines = sorted(dict((_KNOWN, *asked)).items())
    wanted.write_text("\n".join(f"{n}=={v}" for n, v in lines), encoding="utf-8")
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(wanted), "--no-deps"]
    command += ["--disable-pip", "--vulnerability-service", "osv", "--osv-url", database]
    command += ["--timeout", str(_ONE_ANSWER), "--cache-dir", str(folder / "cache")]
    command += ["--format", "json", "--desc", "off", "--aliases", "on", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_ALL_ANSWERS, check=False
        )
        answer = list(json.loads(done.stdout)["dependencies"])
    except subprocess.TimeoutExpired:
        return (), f"no answer from {database} in {_ALL_ANSWERS} s"
    except (ValueError, KeyError):
        return (), f"no answer from {database}: {_cause(done.stderr)}"
    found = tuple(_listed(answer))
    skipped = [str(one["skip_reason"]) for one in answer if "skip_reason" in one]
    if skipped:
        return found, skipped[0]
    if not any(one.package == _KNOWN[0] for one in found):
        return found, f"{database} knows no vulnerability of {_KNOWN[0]}, which has some"
    return found, None


def _cause(said: str) -> str:
    """The first exception of a trace, which is what the others come from."""
    match = re.search(r"^(?:\w+\.)*\w*(?:Error|Timeout|Exception|error)\b.*$", said, re.MULTILINE)
    return match[0] if match else (said.strip().splitlines() or ["pip-audit says nothing"])[-1]


def _listed(answer: Iterable[dict[str, Any]]) -> Iterator[Vulnerability]:
    for package in answer:
        for one in package.get("vulns", ()):
            yield Vulnerability(
                package=package["name"],
                version=package["version"],
                identity=one["id"],
                aliases=tuple(sorted(one.get("aliases", ()))),
                fixed=tuple(one.get("fix_versions", ())),
            )

"""What is in an image, before it ships: a bill of materials, licences, vulnerabilities, secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.image.scan import bom, engine, inventory, layers, licences, vulnerabilities
from mlgitops.image.scan.values import Finding, Grade
from mlgitops.words import count, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.image.scan.values import Audit, Image, Inventory, Search


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What fails an image, beside a secret, which always does.

    Attributes:
        denied: licences by their SPDX identifiers.
        vulnerable: whether a known vulnerability fails it, and not to know of any does too.
        database: the address of an OSV API's `query`.
    """

    denied: frozenset[str] = frozenset()
    vulnerable: bool = False
    database: str = vulnerabilities.DATABASE


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """All that was found in an image.

    Attributes:
        bill: the bill of materials, CycloneDX JSON.
    """

    image: Image
    inventory: Inventory
    bill: str
    audit: Audit
    search: Search
    checks: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome is Grade.FAILED)

    @property
    def licences(self) -> dict[str, tuple[str, ...]]:
        """Licence → the packages that are under it."""
        return licences.by_licence(self.inventory.packages)

    @property
    def summary(self) -> str:
        """The result in one line."""
        counts = [check.outcome for check in self.checks]
        parts = [f"{counts.count(o)} {o.value}" for o in Grade if counts.count(o)]
        return f"{self.image.tag}: {', '.join(parts)}"


def scan(tag: str, rules: Rules, *, say: Callable[[str], None] = lambda _: None) -> Scan:
    """Scan an image that is in the engine; nothing of it is run.

    Args:
        tag: its tag or id.
        rules: what fails it.
        say: is told of each step.

    Raises:
        ImageError: there is no such image, or it is no serving image.
        DockerError: there is no Docker.
    """
    image = engine.describe(tag)
    say(f"reading the packages of {tag}")
    with engine.files(image) as archive:
        found = inventory.read(archive, tag)
    say("asking for known vulnerabilities")
    audit = vulnerabilities.audit(found.packages, database=rules.database)
    say("searching the layers for secrets")
    base = engine.base_layers(image.base)
    with engine.saved(image) as archive:
        search = layers.search(image, archive, base=base, recorded=found.recorded)
    return Scan(
        image=image,
        inventory=found,
        bill=bom.text(image, found),
        audit=audit,
        search=search,
        checks=tuple(_checks(found, audit, search, rules)),
    )


def _checks(found: Inventory, audit: Audit, search: Search, rules: Rules) -> Iterator[Finding]:
    yield Finding(
        outcome=Grade.PASSED,
        check="bill of materials",
        found=f"{count(len(found.packages), 'Python package')}, "
        f"{count(len(found.debian), 'Debian package')}, 1 model",
    )
    yield _licences(found, rules)
    yield from _vulnerabilities(audit, rules)
    if found.debian:
        yield Finding(
            outcome=Grade.UNCHECKED,
            check="vulnerabilities of Debian packages",
            found="pip-audit knows Python packages alone",
        )
    yield _secrets(search)


def _licences(found: Inventory, rules: Rules) -> Finding:
    refused = [
        f"{one.name} is {one.licence.text}"
        for one in found.packages
        if licences.denied(one.licence, rules.denied)
    ]
    known = licences.by_licence(found.packages)
    unknown = len(known.get(licences.UNKNOWN, ()))
    return Finding(
        outcome=Grade.FAILED if refused else Grade.PASSED,
        check="licences of Python packages",
        found=listed(refused)
        or f"{count(len(known.keys() - {licences.UNKNOWN}), 'licence')}, "
        f"{count(unknown, 'package')} of unknown licence",
    )


def _vulnerabilities(audit: Audit, rules: Rules) -> Iterator[Finding]:
    bad = Grade.FAILED if rules.vulnerable else Grade.WARNED
    name = "vulnerabilities of Python packages"
    if audit.found or audit.unchecked is None:
        outcome = bad if audit.found else Grade.PASSED
        yield Finding(outcome=outcome, check=name, found=f"{len(audit.found)} known")
    if audit.unchecked is not None:
        outcome = Grade.FAILED if rules.vulnerable else Grade.UNCHECKED
        yield Finding(outcome=outcome, check=name, found=f"not checked: {audit.unchecked}")


def _secrets(search: Search) -> Finding:
    places = count(len(search.leaks), "place") if search.leaks else "none"
    searched = f"{count(search.layers, 'layer')} ({search.files:,} files)"
    said = [f"{places} in {searched} and the settings"]
    if search.published:
        said.append(f"{len(search.published)} more in files as their packages publish them")
    if search.base:
        said.append(
            f"{search.base} is not in the engine: its layers were searched too; "
            f"`docker pull {search.base}` first to leave them out"
        )
    return Finding(
        outcome=Grade.FAILED if search.leaks else Grade.PASSED,
        check="secrets",
        found="; ".join(said),
    )

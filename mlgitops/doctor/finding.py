"""What a check found, and the checks of several areas at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from mlgitops.errors import MlgitopsError
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Verdict(StrEnum):
    """What came out."""

    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "not checkable from here"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line.

    Attributes:
        check: what was looked at, in a word or two.
        found: what is the case, or why that cannot be told.
        remedy: what to do; empty where nothing is to be done.
        area: of the check, such as "registry".
    """

    verdict: Verdict
    check: str
    found: str
    remedy: str = ""
    area: str = ""


def passed(check: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(verdict=Verdict.PASSED, check=check, found=found)


def failed(check: str, found: str, remedy: str) -> Finding:
    """It is not, and what to do about it."""
    return Finding(verdict=Verdict.FAILED, check=check, found=found, remedy=remedy)


def unchecked(check: str, why: str, remedy: str = "") -> Finding:
    """Nothing can be said of it from here."""
    return Finding(verdict=Verdict.UNCHECKED, check=check, found=why, remedy=remedy)


def examined(areas: Mapping[str, Callable[[], Iterator[Finding]]]) -> tuple[Finding, ...]:
    """What the checks of all areas find, in their order; the areas are checked at the same time."""
    with ThreadPoolExecutor(max(1, len(areas))) as threads:
        found = threads.map(lambda item: _of_area(*item), areas.items())
        return tuple(finding for findings in found for finding in findings)


def _of_area(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())  # what was found before an error stays
    except MlgitopsError as error:
        found.append(failed(name, one_line(error), ""))
    return [replace(finding, area=name) for finding in found]

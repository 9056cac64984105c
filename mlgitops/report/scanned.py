"""What a scan found in an image: tables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.image.scan.licences import UNKNOWN
from mlgitops.report.parts import Part, Report
from mlgitops.words import NONE, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.image.scan import Scan
    from mlgitops.image.scan.values import Leak

_PLACE = ("layer", "path", "line", "kind")


def shown(scan: Scan) -> Report:
    """The tables that have something to say, and the result in one line."""
    parts = [part for part in _parts(scan) if part.rows]
    return Report(parts=parts, result=scan.summary, failed=bool(scan.failed))


def _parts(scan: Scan) -> Iterator[Part]:
    checks = [[c.outcome.value, c.check, c.found] for c in scan.checks]
    yield Part(title="Checks", header=("result", "check", "found"), rows=checks)
    counted = [
        [str(len(names)), name, ", ".join(names) if name == UNKNOWN else listed(names)]
        for name, names in scan.licences.items()
    ]
    yield Part(title="Licences", header=("packages", "licence", ""), rows=counted)
    header = ("package", "version", "vulnerability", "also known as", "fixed in")
    known = [
        [v.package, v.version, v.identity, ", ".join(v.aliases), ", ".join(v.fixed) or NONE]
        for v in scan.audit.found
    ]
    yield Part(title="Known vulnerabilities", header=header, rows=known)
    yield Part(title="Secrets", header=_PLACE, rows=[_place(leak) for leak in scan.search.leaks])
    published = [[*_place(leak), leak.published or NONE] for leak in scan.search.published]
    title = "Secrets that packages publish"
    yield Part(title=title, header=(*_PLACE, "package"), rows=published)


def _place(leak: Leak) -> list[str]:
    return [leak.layer, leak.path, str(leak.line), leak.kind]

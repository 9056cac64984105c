"""Known vulnerabilities: pip-audit, run for real, on a server that speaks OSV's protocol.

The answers have the form of OSV's API (google.github.io/osv.dev/post-v1-query); which packages have
vulnerabilities is the test's.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from mlgitops.image.scan.values import Package, Vulnerability
from mlgitops.image.scan.vulnerabilities import audit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def entry(name: str) -> dict[str, Any]:
    """A vulnerability of a package, which version 9 does not have."""
    events = [{"introduced": "0"}, {"fixed": "9"}]
    return {
        "id": f"GHSA-{name}",
        "aliases": [f"CVE-{name}"],
        "summary": "It can be broken.",
        "affected": [
            {
                "package": {"name": name, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }


@contextmanager
def database(known: Collection[tuple[str, str]], *, status: int = 200) -> Iterator[str]:
    """An OSV database that knows a vulnerability of some versions; yields the address to ask."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            found = {"vulns": [entry(name)]} if (name, asked["version"]) in known else {}
            body = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def packages(*versions: tuple[str, str]) -> list[Package]:
    """Packages of these names and versions."""
    return [Package(name=n, version=v) for n, v in versions]


CANARY = ("pycrypto", "2.6.1")


def test_what_is_known_is_listed() -> None:
    """By package and version, with other names and what mends it; two versions of one name too."""
    with database({("old", "1"), ("old", "2"), CANARY}) as url:
        found = audit(packages(("good", "1"), ("old", "1"), ("old", "2")), database=url)
    assert found.unchecked is None
    assert found.found == tuple(
        Vulnerability(
            package="old",
            version=version,
            identity="CVE-old",
            aliases=("GHSA-old",),
            fixed=("9",),
        )
        for version in ("1", "2")
    )


def test_a_database_that_knows_nothing_is_not_a_good_answer() -> None:
    """A mirror that answers "none" to everything is found out: it was not checked."""
    with database(set()) as url:
        found = audit(packages(("old", "1")), database=url)
    assert found.found == ()
    assert found.unchecked == f"{url} knows no vulnerability of pycrypto, which has some"


def test_no_answer_is_not_a_good_answer() -> None:
    """A server that refuses, and none at all: each says why it was not checked."""
    with database({CANARY}, status=404) as url:
        refused = audit(packages(("old", "1")), database=url)
    gone = audit(packages(("old", "1")), database=url)
    assert refused.unchecked is not None
    assert f"no answer from {url}: requests.exceptions.HTTPError: 404" in refused.unchecked
    assert gone.unchecked is not None
    assert "Connection refused" in gone.unchecked

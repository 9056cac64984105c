"""The health check: S3 lists the bucket for who has the keys, through all that is behind it.

A store that is full is healthy: what is in it can be read. This says so, though.
"""

import datetime as dt
import hashlib
import hmac
import http.client
import json
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from serve import bucket, credentials

_HOST = "127.0.0.1:9000"
_QUERY = "list-type=2&max-keys=1"
_REGION = "us-east-1"
_TIMEOUT = (
    12.0  # seconds, twice; below the limit that Compose sets, so that the reason gets printed
)


def main() -> int:
    """Ask once."""
    path = f"/{bucket()}"
    try:
        connection = http.client.HTTPConnection(_HOST, timeout=_TIMEOUT)
        connection.request("GET", f"{path}?{_QUERY}", headers=_signed(path))
        answer = connection.getresponse()
        text = answer.read(300).decode(errors="replace")
        if answer.status != 200:
            print(f"GET {path}: HTTP {answer.status}: {text}")
            return 1
        print("storage is full" if _full() else "ready")
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"GET {path}: {error}")
        return 1
    return 0


def _full() -> bool:
    """Whether no volume takes data and none can be made."""
    with urllib.request.urlopen("http://127.0.0.1:9333/dir/status", timeout=_TIMEOUT) as answer:
        topology = json.load(answer)["Topology"]
    ours = [layout for layout in topology["Layouts"] or () if layout["collection"] == bucket()]
    return topology["Free"] <= 0 and not any(layout["writables"] for layout in ours)


def _signed(path: str) -> dict[str, str]:
    """The headers of a GET by AWS's Signature Version 4."""
    access, secret = credentials()
    time = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    empty = hashlib.sha256(b"").hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date"
    headers = f"host:{_HOST}\nx-amz-content-sha256:{empty}\nx-amz-date:{time}\n"
    request = "\n".join(["GET", path, _QUERY, headers, names, empty])
    scope = f"{time[:8]}/{_REGION}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, digest])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return {
        "x-amz-date": time,
        "x-amz-content-sha256": empty,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}",
    }


if __name__ == "__main__":
    sys.exit(main())

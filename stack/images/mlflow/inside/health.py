"""The health checks: `python -IS health.py tracking|artifacts`; the exit code is the answer.

MLflow's own `/health` stays green while the database is gone and is exempt from host validation.
These ask an API route under the name that containers use. Standard library only: this runs every
few seconds.
"""

import base64
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

_TIMEOUT = 2.5  # seconds; below the limit that Compose sets, so that the reason gets printed
_ROUTES = {
    "tracking": ("mlflow:5000", "/api/2.0/mlflow/registered-models/search?max_results=1"),
    "artifacts": ("artifacts:5500", "/api/2.0/mlflow-artifacts/artifacts?path=.health"),
}
_ADMIN_PASSWORD = Path("/run/secrets/mlflow_admin_password")


def main(role: str) -> int:
    """Ask once."""
    host, route = _ROUTES[role]
    port = host.partition(":")[2]
    request = urllib.request.Request(f"http://127.0.0.1:{port}{route}", headers={"Host": host})
    if role == "tracking" and os.environ.get("MLFLOW_AUTH", "").lower() in {
        "1",
        "true",
        "yes",
        "on",
    }:
        login = f"admin:{_ADMIN_PASSWORD.read_text().strip()}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(login).decode())
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - a constant
            answer.read()
    except urllib.error.HTTPError as error:
        print(f"{route}: HTTP {error.code}: {error.read(300).decode(errors='replace')}")
        return 1
    except OSError as error:
        print(f"{route}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

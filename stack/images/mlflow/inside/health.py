"""The health checks: `python -IS health.py tracking|artifacts`; the exit code is the answer.

MLflow's own `/health` stays green while the database is gone and is exempt from host validation.
These ask an API route under the name that containers use. Standard library only: this runs every
few seconds.

On a machine that is starved of CPU time, a server that is well is slow to answer. How slow this
program itself was to start tells how long the answer may take.
"""

import base64
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_TIMEOUT = 2.5  # seconds, where this program loses no time
_NO_LOSS = 0.2  # seconds
_LONGEST = 25.0  # seconds; below the limit that Compose sets, so that the reason gets printed
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
        with urllib.request.urlopen(request, timeout=_timeout()) as answer:  # noqa: S310 - constant
            answer.read()
    except urllib.error.HTTPError as error:
        print(f"{route}: HTTP {error.code}: {error.read(600).decode(errors='replace')}")
        return 1
    except OSError as error:
        print(f"{route}: {error}")
        return 1
    return 0


def _timeout() -> float:
    """Ten seconds more for every second in which this program was to run and could not."""
    begun = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    alive = time.clock_gettime(time.CLOCK_BOOTTIME) - begun / os.sysconf("SC_CLK_TCK")
    lost = max(0.0, alive - time.process_time() - _NO_LOSS)
    return min(_LONGEST, _TIMEOUT + 10 * lost)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Whether the server answers, for Docker's HEALTHCHECK: no import of more than it takes."""

import http.client
import os
import sys

try:
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ.get("SERVING_PORT", "8080")), timeout=3
    )
    connection.request("GET", "/ping")
    sys.exit(connection.getresponse().status != 200)
except OSError:
    sys.exit(1)

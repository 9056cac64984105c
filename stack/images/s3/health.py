"""The health check: the server answers, and nobody without a key."""

import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask once."""
    try:
        urllib.request.urlopen("http://127.0.0.1:9000/", timeout=2.5).close()
    except urllib.error.HTTPError as error:
        if error.code in {400, 403}:
            return 0
        print(error)
        return 1
    except OSError as error:
        print(error)
        return 1
    print("it answers without a key")
    return 1


if __name__ == "__main__":
    sys.exit(main())

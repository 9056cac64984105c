"""The bare page loop: `python page_loop.py URL SEARCH...`, each a JSON object with its `route`.

What reading a registry costs at least: all pages, parsed and forgotten.
"""

import json
import sys

import requests


def main() -> None:
    """Read all pages of each search."""
    url, *searches = sys.argv[1:]
    with requests.Session() as session:
        for search in map(json.loads, searches):
            route = search.pop("route")
            token = ""
            while True:
                answer = session.get(
                    f"{url}/api/2.0/mlflow/{route}",
                    params=search | {"page_token": token},
                    timeout=300,
                )
                answer.raise_for_status()
                token = answer.json().get("next_page_token")
                if not token:
                    break


if __name__ == "__main__":
    main()

"""MLflow's client, asked once for each model and alias.

`python client_reads.py URL ALIAS ALIAS MODEL...`
"""

import sys

from mlflow import MlflowClient


def main() -> None:
    """Ask."""
    url, first, second, *models = sys.argv[1:]
    client = MlflowClient(tracking_uri=url, registry_uri=url)
    for model in models:
        for alias in (first, second):
            client.get_model_version_by_alias(model, alias)


if __name__ == "__main__":
    main()

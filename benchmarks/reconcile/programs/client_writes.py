"""MLflow's client doing the bare writes of an apply, one after the other.

`python client_writes.py URL STAGE VERSION TAG TEXT MODEL...`
"""

import sys
import warnings

from mlflow import MlflowClient


def main() -> None:
    """Write for each model a stamp, an alias and a classic stage."""
    url, stage, version, tag, text, *models = sys.argv[1:]
    client = MlflowClient(tracking_uri=url, registry_uri=url)
    warnings.simplefilter("ignore", FutureWarning)  # classic stages are deprecated: that is known
    for model in models:
        client.set_model_version_tag(model, version, tag, text)
        client.set_registered_model_alias(model, stage.lower(), version)
        client.transition_model_version_stage(model, version, stage, archive_existing_versions=True)


if __name__ == "__main__":
    main()

"""GitOps for MLflow: models.yaml names the version in every stage, pull requests change it."""

__version__ = "0.2.0"

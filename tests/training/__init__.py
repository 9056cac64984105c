"""Training: data, recipes, estimators and what a run leaves in MLflow."""

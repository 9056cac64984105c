"""A receiver of MLflow's webhooks that starts workflows; it keeps nothing on disk."""

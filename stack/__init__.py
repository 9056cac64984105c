"""MLflow on MySQL with a proxied artifact server, by Docker Compose: `python -m stack --help`."""

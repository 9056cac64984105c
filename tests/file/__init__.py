"""models.yaml: reading, checking and editing it."""

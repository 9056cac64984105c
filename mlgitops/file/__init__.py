"""models.yaml: its form, its meaning, reading it and editing it."""

"""The conditions that a version must meet to enter a stage: one file for each kind."""

"""The record of each apply: kept as a run of MLflow, and read back for auditors."""

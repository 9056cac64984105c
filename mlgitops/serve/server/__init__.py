"""The server inside a serving image: MLflow's scoring protocol for one model.

It is copied into images as the package `server` and imports nothing of mlgitops.
"""

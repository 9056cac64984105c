"""Serving the version that a stage holds, and the smoke test of what serves."""

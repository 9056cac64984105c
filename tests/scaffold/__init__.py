"""Tests of `mlgitops.scaffold`."""

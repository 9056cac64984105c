"""Tests of `mlgitops.history`."""

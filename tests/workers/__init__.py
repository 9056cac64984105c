"""Tests of `mlgitops.workers`."""

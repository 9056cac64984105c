"""Tests of `mlgitops.notify`."""

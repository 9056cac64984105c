"""Tests of `mlgitops.sync`."""

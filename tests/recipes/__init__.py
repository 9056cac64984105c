"""Tests of `mlgitops.recipes`."""

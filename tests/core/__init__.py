"""Tests of `mlgitops.core`."""

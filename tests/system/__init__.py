"""Tests of `mlgitops.system`."""

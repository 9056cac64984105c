"""Tests of `mlgitops.receiver`."""

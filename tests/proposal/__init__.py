"""Tests of `mlgitops.proposal`."""

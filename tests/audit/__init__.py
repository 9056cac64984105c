"""Tests of `mlgitops.audit`."""

"""Tests of mlgitops.image."""

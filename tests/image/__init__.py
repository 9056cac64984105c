"""Tests of modelops.image."""

"""Tests of the status site."""

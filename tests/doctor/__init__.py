"""Tests of what checks a setting-up."""

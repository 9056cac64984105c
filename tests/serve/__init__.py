"""Serving and the smoke test."""

"""Strangers that misbehave: registries, stores, models, requests, pull requests."""

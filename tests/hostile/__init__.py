"""Strangers that misbehave: registries, stores, models, requests and texts."""

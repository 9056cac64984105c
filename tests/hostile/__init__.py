"""Strangers: a registry, a store, a model and a pull request that misbehave."""

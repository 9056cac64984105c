"""Deployments, as far as they need no engine."""

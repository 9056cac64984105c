"""Deployments through a repository, as far as they need no cluster."""

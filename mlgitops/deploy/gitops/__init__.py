"""Deployments through a repository that Flux or Argo CD applies."""
